// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/client.h"

/* Sends the file to its end, piece by piece, and ends the stream's sending. `request` is the
 * message for each piece, `data` its field for the bytes; `what` names the file in errors. */
int upload_file(ClientStream *stream, int fd, const char *what, const void *request,
    ProtobufCBinaryData *data, Error *err);
