// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/registry/registry.h"

/* The table of registries. Private to engine/registry. */

/* The rule with the longest prefix of "HOST[/PATH]"; NULL when none covers it. */
const RegistryRule *rule_find(const RegistryConfig *config, const char *name);
