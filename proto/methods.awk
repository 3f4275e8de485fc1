# SPDX-License-Identifier: Apache-2.0
# Turns the services of a .proto into rows for engine/rpc/service.h:
#   #define CONTAINERS_METHODS(X) X(containers, ExecStart, exec_start, Tare__V1__ExecRequest, …, 0)
# The last column is RpcKind: 1 = client streams, 2 = server streams, 4 = marked "// long".
# prefix (-v): tells services apart that are called the same in two languages.

function c_type(name, parts, n, i, result) {
    n = split(index(name, ".") ? name : package "." name, parts, ".")
    for (i = 1; i <= n; i++)
        result = result (i > 1 ? "__" : "") toupper(substr(parts[i], 1, 1)) substr(parts[i], 2)
    return result
}

function snake(name) {
    gsub(/[A-Z]/, "_&", name)
    sub(/^_/, "", name)
    return tolower(name)
}

BEGIN { print "// SPDX-License-Identifier: Apache-2.0"; print "#pragma once" }

/^package / { package = $2; sub(/;/, "", package) }

/c_package:/ { split($0, word, "\""); package = word[2] }

/^service / { service = $2; printf "\n#define %s_METHODS(X)", toupper(prefix snake(service)) }

service && /^ *rpc / {
    line = $0
    long = line ~ /\/\/ long/ ? 4 : 0
    gsub(/[(){};]/, " ", line)
    split(line, word, " ")
    i = 2
    name = word[i++]
    kind = 0
    if (word[i] == "stream") { kind += 1; i++ }
    request = word[i++]
    i++ # returns
    if (word[i] == "stream") { kind += 2; i++ }
    printf " \\\n    X(%s, %s, %s, %s, %s, %d)", prefix snake(service), name, snake(name), c_type(request), c_type(word[i]), kind + long
}

/^}/ { if (service) print ""; service = "" }
