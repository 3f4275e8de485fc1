// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/checkpoint/criu.h"

/* What a dump and a restore ask of criu alike. */

/* spec's texts are borrowed. */
void prepare_options(CheckpointOptions *options, const OciSpec *spec);

/* criu must know what it is asked for. */
int prepare_check_version(const Criu *criu, const CriuOptions *options, Error *err);

/* criu_run; a failure names criu's log and quotes it. */
int prepare_run(Criu *criu, CriuType type, const CheckpointOptions *options,
    const CriuListener *listener, Error *err);
