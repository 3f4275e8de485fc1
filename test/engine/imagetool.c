// SPDX-License-Identifier: Apache-2.0
/* imagetool ROOT UNPACK COMMAND [ARGUMENT…]: what the daemon does with images, as one process per
 * command. Progress goes to standard output, one line a report. */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/time.h"
#include "engine/image/image.h"
#include "engine/image/pull.h"
#include "engine/image/push.h"

typedef struct Tool {
    Store *store;
    Snapshots *snapshots;
    Images *images;
    RegistryConfig registry;
} Tool;

static int print_progress(void *user, const ImageProgress *progress) {
    static const char *const names[] = {"resolved", "waiting", "downloading", "verifying",
        "downloaded", "extracting", "complete", "exists", "done"};
    printf("%s %s %" PRId64 "/%" PRId64 " %s %s %s\n", names[progress->phase], progress->layer,
        progress->current, progress->total, progress->reference ? progress->reference : "-",
        progress->digest ? progress->digest : "-", progress->newer ? "newer" : "-");
    fflush(stdout);
    return 0;
}

static int run_pull(Tool *tool, char **argument, Error *err) {
    RegistryCredentials credentials = {
        getenv("REGISTRY_USER"), getenv("REGISTRY_PASSWORD"), getenv("REGISTRY_TOKEN")};
    ImagePull pull = {
        .reference = argument[0],
        .platform = getenv("PLATFORM"),
        .credentials = &credentials,
        .listener = print_progress,
    };
    autofree char *id = NULL;
    TRY(image_pull(tool->images, &pull, &id, err));
    printf("id %s\n", id);
    return 0;
}

static int print_push(void *user, const PushProgress *progress) {
    static const char *const names[] = {"repository", "preparing", "waiting", "pushing", "pushed",
        "exists", "mounted", "partial", "done"};
    printf("%s %s %" PRId64 " %s %s %s\n", names[progress->phase],
        progress->blob ? progress->blob : "-", progress->total,
        progress->from ? progress->from : "-", progress->tag ? progress->tag : "-",
        progress->digest ? progress->digest : "-");
    fflush(stdout);
    return 0;
}

static int run_push(Tool *tool, char **argument, Error *err) {
    RegistryCredentials credentials = {
        getenv("REGISTRY_USER"), getenv("REGISTRY_PASSWORD"), getenv("REGISTRY_TOKEN")};
    const ImagePush push = {
        .reference = argument[0],
        .all = getenv("ALL"),
        .platform = getenv("PLATFORM"),
        .credentials = &credentials,
        .listener = print_push,
    };
    return image_push(tool->images, &push, err);
}

/* All arguments at once, each in its thread. */
typedef struct Puller {
    Tool *tool;
    char *reference;
    pthread_t thread;
    int code;
    Error error;
} Puller;

static void *pull_in_thread(void *user) {
    Puller *puller = user;
    ImagePull pull = {.reference = puller->reference};
    autofree char *id = NULL;
    puller->code = image_pull(puller->tool->images, &pull, &id, &puller->error);
    return NULL;
}

static int run_pull_all(Tool *tool, char **argument, Error *err) {
    Puller puller[16] = {};
    size_t n = 0;
    int code = 0;
    for (; argument[n] && n < array_size(puller); n++) {
        puller[n] = (Puller){.tool = tool, .reference = argument[n]};
        pthread_create(&puller[n].thread, NULL, pull_in_thread, &puller[n]);
    }
    for (size_t i = 0; i < n; i++) {
        pthread_join(puller[i].thread, NULL);
        if (puller[i].code < 0) {
            *err = puller[i].error;
            code = puller[i].code;
        }
    }
    return code;
}

/* Everything at once for a while. Removed meanwhile, changed meanwhile: these are answers, not
 * failures. */
typedef struct Stresser {
    Tool *tool;
    char **reference;
    size_t references;
    unsigned seed;
    int64_t end;
    pthread_t thread;
    int code;
    unsigned done, absent;
    Error error;
} Stresser;

static int stress_once(Stresser *self, const char *reference, Error *err) {
    Images *images = self->tool->images;
    ImagePull pull = {.reference = reference};
    ImageRemove remove = {.name = reference, .force = true};
    autodone(ImageRemoval) removal = {};
    autodone(ImageList) list = {};
    autofree char *id = NULL;
    autoptr(Image) image = NULL;
    char key[64];
    switch (rand_r(&self->seed) % 6) {
    case 0:
        return image_remove(images, &remove, &removal, err);
    case 1:
        return image_list(images, NULL, &list, err);
    case 2:
        return image_tag(images, reference, "extra:tag", err);
    case 3:
        TRY(image_load(images, reference, &image, err));
        snprintf(key, sizeof(key), "c%u", self->seed);
        TRY(snapshot_prepare(self->tool->snapshots, key, image->chain_id, err));
        TRY(snapshot_remove(self->tool->snapshots, key, err));
        return images_sweep(images, err);
    default:
        return image_pull(images, &pull, &id, err);
    }
}

static void *stress_in_thread(void *user) {
    Stresser *self = user;
    while (time_monotonic() < self->end) {
        const char *reference = self->reference[(unsigned)rand_r(&self->seed) % self->references];
        int code = stress_once(self, reference, &self->error);
        self->done += code >= 0;
        self->absent += code == ERROR_NOT_FOUND;
        if (code < 0 && code != ERROR_NOT_FOUND && code != ERROR_ABORTED) {
            self->code = code;
            break;
        }
    }
    return NULL;
}

static int run_stress(Tool *tool, char **argument, Error *err) {
    Stresser stresser[6] = {};
    int64_t end = time_monotonic() + 5 * TIME_SECOND;
    int code = 0;
    size_t n = 0;
    while (argument[n])
        n++;
    for (size_t i = 0; i < array_size(stresser); i++) {
        stresser[i] = (Stresser){tool, argument, n, (unsigned)i + 1, end};
        pthread_create(&stresser[i].thread, NULL, stress_in_thread, &stresser[i]);
    }
    for (size_t i = 0; i < array_size(stresser); i++) {
        pthread_join(stresser[i].thread, NULL);
        printf("%u done, %u absent\n", stresser[i].done, stresser[i].absent);
        if (stresser[i].code < 0) {
            *err = stresser[i].error;
            code = stresser[i].code;
        }
    }
    return code;
}

static int run_list(Tool *tool, char **argument, Error *err) {
    ImageFilter filter = {.reference = argument[0]};
    autodone(ImageList) list = {};
    TRY(image_list(tool->images, &filter, &list, err));
    for (size_t i = 0; i < list.n; i++) {
        const Image *image = list.item[i];
        printf("%s %" PRIu64 " %s %s\n", image->id, image->size,
            image->references.n ? image->references.item[0] : "<none>",
            image->digests.n ? image->digests.item[0] : "<none>");
    }
    return 0;
}

static int run_tag(Tool *tool, char **argument, Error *err) {
    return image_tag(tool->images, argument[0], argument[1], err);
}

static int run_remove(Tool *tool, char **argument, Error *err) {
    ImageRemove remove = {.name = argument[0], .force = getenv("FORCE")};
    autodone(ImageRemoval) removal = {};
    TRY(image_remove(tool->images, &remove, &removal, err));
    for (size_t i = 0; i < removal.untagged.n; i++)
        printf("untagged %s\n", removal.untagged.item[i]);
    for (size_t i = 0; i < removal.deleted.n; i++)
        printf("deleted %s\n", removal.deleted.item[i]);
    return 0;
}

static int run_mounts(Tool *tool, char **argument, Error *err) {
    autoptr(Image) image = NULL;
    autodone(SnapshotMount) mount = {};
    TRY(image_load(tool->images, argument[0], &image, err));
    TRY(image_unpack(tool->images, image, err));
    TRY(snapshot_prepare(tool->snapshots, argument[1], image->chain_id, err));
    TRY(snapshot_mounts(tool->snapshots, argument[1], &mount, err));
    printf("%s %s", mount.type, mount.source);
    for (size_t i = 0; i < mount.options.n; i++)
        printf("%c%s", i ? ',' : ' ', mount.options.item[i]);
    printf("\n");
    return 0;
}

static int run_unprepare(Tool *tool, char **argument, Error *err) {
    return snapshot_remove(tool->snapshots, argument[0], err);
}

static ssize_t read_archive(void *user, void *buffer, size_t size, Error *err) {
    return read(*(int *)user, buffer, size);
}

static int run_load(Tool *tool, char **argument, Error *err) {
    autoclose int fd = -1;
    autodone(ImageLoaded) loaded = {};
    TRY(file_open(AT_FDCWD, argument[0], O_RDONLY, 0, &fd, err));
    TRY(image_import(tool->images, getenv("PLATFORM"), read_archive, &fd, &loaded, err));
    for (size_t i = 0; i < loaded.references.n; i++)
        printf("loaded %s\n", loaded.references.item[i]);
    for (size_t i = 0; i < loaded.ids.n; i++)
        printf("loaded-id %s\n", loaded.ids.item[i]);
    return 0;
}

static int run_settle(Tool *tool, char **argument, Error *err) {
    return snapshots_settle(tool->snapshots, err);
}

static int run_sweep(Tool *tool, char **argument, Error *err) {
    return 0; /* opening has swept */
}

static const struct {
    const char *name;
    int arguments;
    int (*run)(Tool *tool, char **argument, Error *err);
} commands[] = {
    {"pull", 1, run_pull},
    {"pull-all", 1, run_pull_all},
    {"push", 1, run_push},
    {"stress", 1, run_stress},
    {"list", 0, run_list},
    {"tag", 2, run_tag},
    {"remove", 1, run_remove},
    {"prepare", 2, run_mounts},
    {"unprepare", 1, run_unprepare},
    {"load", 1, run_load},
    {"settle", 0, run_settle},
    {"sweep", 0, run_sweep},
};

typedef struct Rules {
    JsonObjectMap rules;
} Rules;

/* $RULES: {"rules":{…}} */
static int read_rules(Tool *tool, Error *err) {
    static const JsonField fields[] = {
        {"rules", JSON_OBJECT_MAP, offsetof(Rules, rules), &registry_rule_type}, {}};
    static const JsonType type = {sizeof(Rules), fields};
    const char *text = getenv("RULES");
    Rules rules = {};
    if (!text)
        return 0;
    TRY(json_decode(&type, text, strlen(text), &rules, err));
    tool->registry.rules = rules.rules;
    return 0;
}

static int open_all(Tool *tool, char **argv, Error *err) {
    TRY(file_make_dirs(argv[1], 0700, err));
    TRY(registry_set_up(err));
    TRY(read_rules(tool, err));
    if (getenv("CERTS"))
        json_texts_add(&tool->registry.directories, getenv("CERTS"));
    tool->registry.http_proxy = text_copy(getenv("CONFIGURED_PROXY"));
    if (getenv("MIRROR"))
        json_texts_add(&tool->registry.mirrors, getenv("MIRROR"));
    if (getenv("INSECURE"))
        json_texts_add(&tool->registry.insecure, getenv("INSECURE"));
    TRY(store_open(argv[1], &tool->store, err));
    const char *driver = getenv("DRIVER");
    TRY(snapshots_open(argv[1], driver ? driver : "overlay", tool->store, &tool->snapshots, err));
    ImagesOptions options = {
        .root = argv[1],
        .store = tool->store,
        .snapshots = tool->snapshots,
        .registry = &tool->registry,
        .unpack_program = argv[2],
    };
    return images_open(&options, &tool->images, err);
}

static int run(Tool *tool, int argc, char **argv, Error *err) {
    for (size_t i = 0; i < array_size(commands); i++)
        if (strcmp(commands[i].name, argv[3]) == 0 && argc - 4 >= commands[i].arguments) {
            TRY(open_all(tool, argv, err));
            return commands[i].run(tool, argv + 4, err);
        }
    return error_set(err, ERROR_INVALID, "unknown command");
}

int main(int argc, char **argv) {
    Tool tool = {};
    Error error = {};
    if (argc < 4) {
        fprintf(stderr, "usage: imagetool ROOT UNPACK COMMAND [ARGUMENT...]\n");
        return 2;
    }
    int code = run(&tool, argc, argv, &error);
    if (code < 0)
        fprintf(stderr, "%s\n", error.message);
    images_close(tool.images);
    snapshots_close(tool.snapshots);
    store_close(tool.store);
    registry_config_done(&tool.registry);
    return code < 0 ? -code : 0;
}
