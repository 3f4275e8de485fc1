// SPDX-License-Identifier: Apache-2.0
#include "cli/image_tree.h"

#include <string.h>

#include "base/text.h"
#include "cli/human.h"
#include "cli/table.h"

enum {
    ID_WIDTH = 12
};

static void add_row(Table *table, const char *const cell[5]) {
    for (size_t i = 0; i < 5; i++)
        table_add(table, cell[i]);
}

static void add_image(Table *table, const Tare__V1__ImageSummary *image) {
    char disk[HUMAN_SIZE], content[HUMAN_SIZE];
    const char *hex = text_starts(image->id, "sha256:") ? image->id + strlen("sha256:") : image->id;
    autofree char *id = text_copy_n(hex, strnlen(hex, ID_WIDTH));
    size_t last = image->n_references ? image->n_references - 1 : 0;
    for (size_t i = 0; i < last; i++)
        add_row(table, (const char *[]){image->references[i], "", "", "", ""});
    add_row(table, (const char *[]){image->n_references ? image->references[last] : "<untagged>",
                       id, human_size(image->size + image->content_size, disk),
                       human_size(image->content_size, content), image->containers > 0 ? "U" : ""});
}

void image_tree_print(const Tare__V1__ListImagesResponse *list, FILE *out) {
    autodone(Table) table = {.columns = 5};
    add_row(&table, (const char *[]){"IMAGE", "ID", "DISK USAGE", "CONTENT SIZE", "EXTRA"});
    for (size_t i = 0; i < list->n_images; i++)
        add_image(&table, list->images[i]);
    fprintf(out, "Info -> U In Use\n\n");
    table_print(&table, out);
}
