// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

/* A layer as overlayfs wants it (engine/layer) becomes part of a tree that is whole: what is in
 * `layer` moves into `tree`, whiteouts and opaque directories remove there. Nobody else may use
 * either; the layer is garbage afterwards. Private to engine/snapshot. */
int merge_layer(int layer, int tree, Error *err);

/* The same for a layer that stands on nothing: it only loses its marks. */
int merge_strip(int layer, Error *err);
