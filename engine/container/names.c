// SPDX-License-Identifier: Apache-2.0
#include "engine/container/names.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/memory.h"
#include "base/text.h"

static const char *const adjectives[] = {"able", "airy", "amber", "ample", "avid", "balmy", "bold",
    "brave", "bright", "brisk", "calm", "candid", "clear", "clever", "crisp", "curious", "deft",
    "eager", "early", "earnest", "even", "fair", "fleet", "fond", "frank", "fresh", "gentle",
    "glad", "golden", "hardy", "honest", "humble", "keen", "kind", "light", "lively", "lucid",
    "merry", "mild", "modest", "neat", "nimble", "noble", "patient", "placid", "plain", "polite",
    "prompt", "proud", "quick", "quiet", "ready", "robust", "serene", "sharp", "silent", "simple",
    "sincere", "smooth", "sober", "solid", "sound", "spry", "steady", "sturdy", "sunny", "swift",
    "tidy", "trusty", "upbeat", "vivid", "warm", "wise", "witty"};

/* People who measured, weighed and computed. */
static const char *const surnames[] = {"abbe", "airy", "ampere", "anning", "archimedes", "avogadro",
    "babbage", "banneker", "bell", "bernoulli", "bohr", "boole", "bose", "boyle", "brahe", "cannon",
    "carnot", "cavendish", "celsius", "chandrasekhar", "cori", "coulomb", "curie", "dalton",
    "darwin", "descartes", "dijkstra", "einstein", "elion", "euclid", "euler", "faraday", "fermat",
    "fermi", "fibonacci", "franklin", "galileo", "gauss", "germain", "gilbreth", "goeppert",
    "goodall", "halley", "hamilton", "henry", "herschel", "hertz", "hodgkin", "hooke", "hopper",
    "hubble", "huygens", "hypatia", "jang", "joule", "kelvin", "kepler", "khayyam", "kovalevskaya",
    "lamarr", "laplace", "lavoisier", "leavitt", "leibniz", "liskov", "lovelace", "mach", "maxwell",
    "mcclintock", "meitner", "mendel", "mendeleev", "mirzakhani", "napier", "newton", "nightingale",
    "noether", "ohm", "pascal", "pasteur", "payne", "planck", "poincare", "ptolemy", "raman",
    "ramanujan", "ritchie", "rubin", "shannon", "snyder", "somerville", "tesla", "tharp",
    "torricelli", "turing", "villani", "volta", "watt", "wing", "wu", "yalow", "zhang"};

int name_check(const char *name, Error *err) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t n = strlen(name);
    if (n >= 2 && n <= 255 && isalnum((unsigned char)name[0]) && strspn(name, allowed) == n)
        return 0;
    return error_set(err, ERROR_INVALID,
        "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
}

char *name_generate(unsigned attempt) {
    uint32_t number[2];
    if (getrandom(number, sizeof number, 0) != sizeof number)
        abort();
    const char *adjective = adjectives[number[0] % array_size(adjectives)];
    const char *surname = surnames[number[1] % array_size(surnames)];
    if (attempt == 0)
        return text_format("%s_%s", adjective, surname);
    return text_format("%s_%s%u", adjective, surname, number[0] / 7 % 10);
}
