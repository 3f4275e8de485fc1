// SPDX-License-Identifier: Apache-2.0
#pragma once

/* What this runtime can do, as the JSON document of the specification (features.md). New string. */
char *features_encode(void);
