// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdlib.h>
#include <unistd.h>

/* Ownership at the variable's birth: autofree, autoclose and autoptr(Type) release when the scope
 * ends; take_ptr and take_fd give the value away. NULL and -1 are "nothing". */

static inline void cleanup_free_(void *p) {
    free(*(void **)p);
}
static inline void cleanup_close_(const int *fd) {
    if (*fd >= 0)
        close(*fd);
}

#define autofree __attribute__((cleanup(cleanup_free_)))
#define autoclose __attribute__((cleanup(cleanup_close_)))

/* CLEANUP_DEFINE(Container, container_free) makes autoptr(Container) work; autodone(Type) does the
 * same for values that live in place, after CLEANUP_DEFINE_DONE(Type, type_done). */
#define CLEANUP_DEFINE(type, function)                                                             \
    static inline void cleanup_##type##_(type **p) {                                               \
        if (*p)                                                                                    \
            function(*p);                                                                          \
    }
#define CLEANUP_DEFINE_DONE(type, function)                                                        \
    static inline void cleanup_done_##type##_(type *p) {                                           \
        function(p);                                                                               \
    }
#define autoptr(type) __attribute__((cleanup(cleanup_##type##_))) type *
#define autodone(type) __attribute__((cleanup(cleanup_done_##type##_))) type

#define take_ptr(p)                                                                                \
    __extension__({                                                                                \
        __typeof__(*(p)) *take_from_ = (p);                                                        \
        __typeof__(*(p)) taken_ = *take_from_;                                                     \
        *take_from_ = NULL;                                                                        \
        taken_;                                                                                    \
    })

static inline int take_fd(int *fd) {
    int taken = *fd;
    *fd = -1;
    return taken;
}
