// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/registry/registry.h"
#include "oci/image.h"

/* What refers to a manifest (distribution-spec 1.1, "Listing Referrers"): signatures, lists of
 * packages. A registry without that API keeps them as an index under a tag made of the digest. */

/* Empty when there are none. artifact_type: only these; NULL: all. */
int referrers_list(
    Registry *registry, const char *digest, const char *artifact_type, OciIndex *ret, Error *err);

/* A manifest that was just stored by a registry which did not say that it has seen its subject. */
int referrers_add(Registry *registry, const char *media_type, const Text *body, Error *err);
