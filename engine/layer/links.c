// SPDX-License-Identifier: Apache-2.0
#include "engine/layer/links.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum {
    REMEMBERED_MAX = 256 << 20
};

static Link *find_slot(const Links *links, dev_t device, ino_t inode) {
    uint64_t hash = (inode ^ device) * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = (size_t)(hash >> 20);; i++) {
        Link *slot = &links->slot[i & (links->slots - 1)];
        if (!slot->path || (slot->inode == inode && slot->device == device))
            return slot;
    }
}

static void grow(Links *links) {
    Links larger = {.slots = links->slots ? links->slots * 2 : 64};
    larger.slot = new_array(Link, larger.slots);
    for (size_t i = 0; i < links->slots; i++)
        if (links->slot[i].path)
            *find_slot(&larger, links->slot[i].device, links->slot[i].inode) = links->slot[i];
    free(links->slot);
    links->slot = larger.slot;
    links->slots = larger.slots;
}

const char *links_find(const Links *links, const struct stat *status) {
    return links->slots ? find_slot(links, status->st_dev, status->st_ino)->path : NULL;
}

int links_add(Links *links, const struct stat *status, const char *path, Error *err) {
    links->remembered += strlen(path) + 2 * sizeof(Link);
    if (links->remembered > REMEMBERED_MAX)
        return error_set(err, ERROR_EXHAUSTED, "too many files have several names");
    if (links->used * 2 >= links->slots)
        grow(links);
    Link *slot = find_slot(links, status->st_dev, status->st_ino);
    if (!slot->path)
        *slot = (Link){status->st_dev, status->st_ino, text_copy(path)};
    links->used++;
    return 0;
}

void links_done(Links *links) {
    for (size_t i = 0; i < links->slots; i++)
        free(links->slot[i].path);
    free(links->slot);
    *links = (Links){};
}
