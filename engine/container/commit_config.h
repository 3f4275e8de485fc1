// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "engine/container/record.h"

/* The config of an image that is made of this container: the image's, with what the user said about
 * the container over it. The caller's. */
OciImageConfig *commit_config(const ContainerRecord *record);
