// SPDX-License-Identifier: Apache-2.0
#pragma once

/* Text in double quotes with the escapes of C, so that no byte of it can move the cursor of the
 * terminal that it is shown on. UTF-8 stays as it is. New string. */
char *quote(const char *text);
