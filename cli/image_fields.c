// SPDX-License-Identifier: Apache-2.0
#include "cli/image_fields.h"

#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/human.h"

#define NONE "<none>"

enum {
    ID_WIDTH = 12
};

static char *containers(const void *item, const FormatView *view) {
    (void)view;
    const ImageRow *row = item;
    long long n = row->image->containers;
    return n < 0 ? text_copy("N/A") : text_format("%lld", n);
}

static char *created_at(const void *item, const FormatView *view) {
    (void)view;
    const ImageRow *row = item;
    char date[HUMAN_SIZE];
    return text_copy(row->image->created ? human_date(row->image->created, date) : "N/A");
}

static char *created_since(const void *item, const FormatView *view) {
    const ImageRow *row = item;
    char age[HUMAN_SIZE];
    if (!row->image->created)
        return text_copy("N/A");
    return text_format("%s ago", human_duration(view->now - row->image->created, age));
}

static char *digest(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const ImageRow *)item)->digest);
}

static char *id(const void *item, const FormatView *view) {
    const char *text = ((const ImageRow *)item)->image->id;
    const char *hex = text_starts(text, "sha256:") ? text + strlen("sha256:") : text;
    return view->whole ? text_copy(text) : text_copy_n(hex, strnlen(hex, ID_WIDTH));
}

static char *repository(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const ImageRow *)item)->repository);
}

static char *usage_text(int64_t size) {
    char text[HUMAN_SIZE];
    return text_copy(size < 0 ? "N/A" : human_usage(size, text));
}

static char *shared_size(const void *item, const FormatView *view) {
    (void)view;
    return usage_text(((const ImageRow *)item)->image->shared_size);
}

static char *size(const void *item, const FormatView *view) {
    (void)view;
    char text[HUMAN_SIZE];
    return text_copy(human_size(((const ImageRow *)item)->image->size, text));
}

static char *tag(const void *item, const FormatView *view) {
    (void)view;
    return text_copy(((const ImageRow *)item)->tag);
}

static char *unique_size(const void *item, const FormatView *view) {
    (void)view;
    const Tare__V1__ImageSummary *image = ((const ImageRow *)item)->image;
    return usage_text(image->shared_size < 0 ? -1 : image->size - image->shared_size);
}

static char *virtual_size(const void *item, const FormatView *view) {
    (void)view;
    return usage_text(((const ImageRow *)item)->image->size);
}

static const FormatField fields[] = {
    {"Containers", "CONTAINERS", containers},
    {"CreatedAt", "CREATED AT", created_at},
    {"CreatedSince", "CREATED", created_since},
    {"Digest", "DIGEST", digest},
    {"ID", "IMAGE ID", id},
    {"Repository", "REPOSITORY", repository},
    {"SharedSize", "SHARED SIZE", shared_size},
    {"Size", "SIZE", size},
    {"Tag", "TAG", tag},
    {"UniqueSize", "UNIQUE SIZE", unique_size},
    {"VirtualSize", "SIZE", virtual_size},
    {},
};

const FormatNoun image_noun = {
    .type = "*formatter.imageContext",
    .table = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
    .quiet = "{{.ID}}",
    .raw = "repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\n"
           "created_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n",
    .fields = fields,
};

/* "busybox@sha256:…" of the same repository: the part after the @, or NULL. */
static const char *next_digest(
    const Tare__V1__ImageSummary *image, const char *repository, size_t *position) {
    size_t n = strlen(repository);
    while (*position < image->n_digests) {
        const char *text = image->digests[(*position)++];
        if (!strncmp(text, repository, n) && text[n] == '@')
            return text + n + 1;
    }
    return NULL;
}

/* name NULL: the image has no tag, and perhaps a digest. */
static int add_name(Format *format, const Tare__V1__ImageSummary *image, const char *name,
    bool digests, Error *err) {
    const char *any = image->n_digests ? image->digests[0] : NONE;
    const char *colon = name ? strrchr(name, ':') : NULL;
    autofree char *repository =
        colon ? text_copy_n(name, (size_t)(colon - name)) : text_copy_n(any, strcspn(any, "@"));
    ImageRow row = {.image = image, .repository = repository};
    autofree char *tag = text_copy(colon ? colon + 1 : NONE);
    size_t position = 0;
    row.tag = tag;
    do {
        const char *found = next_digest(image, repository, &position);
        if (!found && row.digest)
            break;
        autofree char *text = text_copy(found ? found : NONE);
        row.digest = text;
        TRY(format_add(format, &row, err));
    } while (digests);
    return 0;
}

int image_rows_add(Format *format, const Tare__V1__ImageSummary *image, bool digests, Error *err) {
    for (size_t i = 0; i < image->n_references; i++)
        TRY(add_name(format, image, image->references[i], digests, err));
    return image->n_references ? 0 : add_name(format, image, NULL, digests, err);
}
