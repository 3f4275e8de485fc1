// SPDX-License-Identifier: Apache-2.0
#include "runtime/container/example.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "runtime/cgroup/hierarchy.h"

/* The reference runtime's example, which users and tests take for the standard. */
static const char example[] =
    "{'ociVersion':'" OCI_RUNTIME_VERSION "','process':{'terminal':true,'user':{'uid':0,'gid':0},"
    "'args':['sh'],'env':['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',"
    "'TERM=xterm'],'cwd':'/','capabilities':{"
    "'bounding':['CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE'],"
    "'effective':['CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE'],"
    "'permitted':['CAP_AUDIT_WRITE','CAP_KILL','CAP_NET_BIND_SERVICE']},"
    "'rlimits':[{'type':'RLIMIT_NOFILE','hard':1024,'soft':1024}],'noNewPrivileges':true},"
    "'root':{'path':'rootfs','readonly':true},'hostname':'tare','mounts':["
    "{'destination':'/proc','type':'proc','source':'proc'},"
    "{'destination':'/dev','type':'tmpfs','source':'tmpfs',"
    "'options':['nosuid','strictatime','mode=755','size=65536k']},"
    "{'destination':'/dev/pts','type':'devpts','source':'devpts',"
    "'options':['nosuid','noexec','newinstance','ptmxmode=0666','mode=0620','gid=5']},"
    "{'destination':'/dev/shm','type':'tmpfs','source':'shm',"
    "'options':['nosuid','noexec','nodev','mode=1777','size=65536k']},"
    "{'destination':'/dev/mqueue','type':'mqueue','source':'mqueue',"
    "'options':['nosuid','noexec','nodev']},"
    "{'destination':'/sys','type':'sysfs','source':'sysfs',"
    "'options':['nosuid','noexec','nodev','ro']},"
    "{'destination':'/sys/fs/cgroup','type':'cgroup','source':'cgroup',"
    "'options':['nosuid','noexec','nodev','relatime','ro']}],"
    "'linux':{'resources':{'devices':[{'allow':false,'access':'rwm'}]},'namespaces':["
    "{'type':'pid'},{'type':'network'},{'type':'ipc'},{'type':'uts'},{'type':'mount'}],"
    "'maskedPaths':['/proc/acpi','/proc/asound','/proc/interrupts','/proc/kcore','/proc/keys',"
    "'/proc/latency_stats','/proc/timer_list','/proc/timer_stats','/proc/sched_debug',"
    "'/sys/devices/virtual/powercap','/sys/firmware','/proc/scsi'],"
    "'readonlyPaths':['/proc/bus','/proc/fs','/proc/irq','/proc/sys','/proc/sysrq-trigger']}}";

static int decode_example(OciSpec *ret, Error *err) {
    autofree char *text = text_copy(example);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    return json_decode(&oci_spec_type, text, strlen(text), ret, err);
}

static void add_namespace(OciLinux *config, const char *type) {
    OciNamespace *namespace = json_objects_add(&config->namespaces, &oci_namespace_type);
    namespace->type = text_copy(type);
}

static bool is_cgroup_v2(void) {
    autodone(Hierarchies) found = {};
    Error ignored;
    return hierarchies_find(&found, &ignored) >= 0 && found.n == 1 && !*found.item[0].controllers;
}

static void remove_network(JsonObjects *namespaces) {
    OciNamespace *namespace = namespaces->item;
    size_t kept = 0;
    for (size_t i = 0; i < namespaces->n; i++) {
        if (strcmp(namespace[i].type, "network") == 0)
            json_done(&oci_namespace_type, &namespace[i]);
        else
        namespace[kept++] = namespace[i];
    }
    namespaces->n = kept;
}

static void add_mapping(JsonObjects *mappings, unsigned host) {
    OciIdMapping *mapping = json_objects_add(mappings, &oci_id_mapping_type);
    mapping->container_id = (JsonUint){true, 0};
    mapping->host_id = (JsonUint){true, host};
    mapping->size = (JsonUint){true, 1};
}

static void bind_sys(OciMount *mount) {
    static const char *const words[] = {"rbind", "nosuid", "noexec", "nodev", "ro"};
    texts_free(mount->options.item);
    mount->options = (JsonTexts){};
    free(mount->type);
    free(mount->source);
    mount->type = text_copy("none");
    mount->source = text_copy("/sys");
    for (size_t i = 0; i < array_size(words); i++)
        json_texts_add(&mount->options, words[i]);
}

/* Only one id is mapped, so no option may name another. */
static void drop_ids(JsonTexts *words) {
    size_t kept = 0;
    for (size_t i = 0; i < words->n; i++) {
        if (text_starts(words->item[i], "gid=") || text_starts(words->item[i], "uid="))
            free(words->item[i]);
        else
            words->item[kept++] = words->item[i];
    }
    if (words->item)
        words->item[kept] = NULL;
    words->n = kept;
}

static void make_rootless(OciSpec *spec) {
    remove_network(&spec->linux->namespaces);
    add_namespace(spec->linux, "user");
    add_mapping(&spec->linux->uid_mappings, geteuid());
    add_mapping(&spec->linux->gid_mappings, getegid());
    OciMount *mount = spec->mounts.item;
    for (size_t i = 0; i < spec->mounts.n; i++) {
        if (strcmp(mount[i].destination, "/sys") == 0)
            bind_sys(&mount[i]);
        else
            drop_ids(&mount[i].options);
    }
    json_done(&oci_resources_type, spec->linux->resources);
    free(spec->linux->resources);
    spec->linux->resources = NULL;
}

int example_make(bool rootless, OciSpec *ret, Error *err) {
    TRY(decode_example(ret, err));
    if (is_cgroup_v2())
        add_namespace(ret->linux, "cgroup");
    if (rootless)
        make_rootless(ret);
    return 0;
}
