// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/registry/registry.h"

/* An index of repositories, as Docker Hub's first version has it: /v1/search. */
typedef struct SearchResult {
    char *name, *description;
    JsonInt star_count;
    JsonBool is_official, is_automated;
} SearchResult;
extern const JsonType search_result_type;

/* term: "word", or "host/word" for another index than Docker Hub's. ret: SearchResult. */
int registry_search(const RegistryConfig *config, const char *term, unsigned limit,
    const RegistryCredentials *credentials, JsonObjects *ret, Error *err);
void search_results_done(JsonObjects *results);
