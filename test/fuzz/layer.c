// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "engine/layer/extract.h"
#include "target.h"

/* A layer into an empty directory, at most 64 MiB of it. Holes are bounded by the size of a file.
 */

static void extract(int blob, int tree) {
    autoptr(Stream) stream = NULL;
    autodone(Extraction) extraction = {.tree.parent = -1};
    char digest[DIGEST_TEXT_SIZE];
    Error error;
    const StreamSource source = {blob, -1, 64 << 20, false};
    if (stream_open(&source, &stream, &error) < 0)
        return;
    extraction_init(&extraction, stream, tree);
    extraction.plain = true; /* no devices on the machine of who fuzzes */
    if (extraction_run(&extraction, &error) == 0)
        stream_finish(stream, digest, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char directory[] = "/tmp/fuzz-layer-XXXXXX";
    Error error;
    autoclose int blob = memfd_create("layer", MFD_CLOEXEC);
    if (!mkdtemp(directory) || fd_write_all(blob, data, size, &error) < 0 ||
        lseek(blob, 0, SEEK_SET))
        abort();
    autoclose int tree = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    extract(blob, tree);
    if (file_remove_tree(AT_FDCWD, directory, &error) < 0)
        abort();
    return 0;
}
