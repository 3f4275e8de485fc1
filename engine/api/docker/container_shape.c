// SPDX-License-Identifier: Apache-2.0
#include "engine/api/docker/container_shape.h"

/* Rows in Docker's order. Rows of `absent_*` members are Docker's fields that this engine has no
 * setting for: they show Docker's default, and a setting of ours will replace the member. */

#define T DockerHealthResult
static const JsonField health_result_fields[] = {
    {"Start", JSON_TEXT, JSON_AT(start), .flags = JSON_ALWAYS},
    {"End", JSON_TEXT, JSON_AT(end), .flags = JSON_ALWAYS},
    {"ExitCode", JSON_INT, JSON_AT(exit_code), .flags = JSON_ALWAYS},
    {"Output", JSON_TEXT, JSON_AT(output), .flags = JSON_ALWAYS},
    {},
};
const JsonType docker_health_result_type = {sizeof(T), health_result_fields};
#undef T

#define T DockerHealth
static const JsonField health_fields[] = {
    {"Status", JSON_TEXT, JSON_AT(status), .flags = JSON_ALWAYS},
    {"FailingStreak", JSON_INT, JSON_AT(failing_streak), .flags = JSON_ALWAYS},
    {"Log", JSON_OBJECTS, JSON_AT(log), &docker_health_result_type, JSON_ALWAYS},
    {},
};
static const JsonType health_type = {sizeof(T), health_fields};
#undef T

#define T DockerOom
static const JsonField oom_fields[] = {
    {"Kills", JSON_INT, JSON_AT(kills), .flags = JSON_ALWAYS},
    {"Peak", JSON_INT, JSON_AT(peak), .flags = JSON_ALWAYS},
    {"Limit", JSON_INT, JSON_AT(limit), .flags = JSON_ALWAYS},
    {"Pid", JSON_INT, JSON_AT(pid), .flags = JSON_ALWAYS},
    {"Exec", JSON_TEXT, JSON_AT(exec), .flags = JSON_ALWAYS},
    {"Usage", JSON_INT, JSON_AT(usage), .flags = JSON_ALWAYS},
    {},
};
static const JsonType oom_type = {sizeof(T), oom_fields};
#undef T

#define T DockerState
static const JsonField state_fields[] = {
    {"Status", JSON_TEXT, JSON_AT(status), .flags = JSON_ALWAYS},
    {"Running", JSON_BOOL, JSON_AT(running), .flags = JSON_ALWAYS},
    {"Paused", JSON_BOOL, JSON_AT(paused), .flags = JSON_ALWAYS},
    {"Restarting", JSON_BOOL, JSON_AT(restarting), .flags = JSON_ALWAYS},
    {"OOMKilled", JSON_BOOL, JSON_AT(oom_killed), .flags = JSON_ALWAYS},
    {"Dead", JSON_BOOL, JSON_AT(dead), .flags = JSON_ALWAYS},
    {"Pid", JSON_INT, JSON_AT(pid), .flags = JSON_ALWAYS},
    {"ExitCode", JSON_INT, JSON_AT(exit_code), .flags = JSON_ALWAYS},
    {"Error", JSON_TEXT, JSON_AT(error), .flags = JSON_ALWAYS},
    {"StartedAt", JSON_TEXT, JSON_AT(started_at), .flags = JSON_ALWAYS},
    {"FinishedAt", JSON_TEXT, JSON_AT(finished_at), .flags = JSON_ALWAYS},
    {"OOM", JSON_OBJECT, JSON_AT(oom), &oom_type},
    {"Health", JSON_OBJECT, JSON_AT(health), &health_type},
    {},
};
static const JsonType state_type = {sizeof(T), state_fields};
#undef T

#define T DockerLogConfig
static const JsonField log_config_fields[] = {
    {"Type", JSON_TEXT, JSON_AT(type), .flags = JSON_ALWAYS},
    {"Config", JSON_MAP, JSON_AT(config), .flags = JSON_ALWAYS},
    {},
};
static const JsonType log_config_type = {sizeof(T), log_config_fields};
#undef T

#define T DockerRestartPolicy
static const JsonField restart_policy_fields[] = {
    {"Name", JSON_TEXT, JSON_AT(name), .flags = JSON_ALWAYS},
    {"MaximumRetryCount", JSON_INT, JSON_AT(maximum_retry_count), .flags = JSON_ALWAYS},
    {},
};
static const JsonType restart_policy_type = {sizeof(T), restart_policy_fields};
#undef T

#define ABSENT_TEXT(name)                                                                          \
    { name, JSON_TEXT, JSON_AT(absent_text), .flags = JSON_ALWAYS }
#define ABSENT_INT(name)                                                                           \
    { name, JSON_INT, JSON_AT(absent_int), .flags = JSON_ALWAYS }
#define ABSENT_BOOL(name)                                                                          \
    { name, JSON_BOOL, JSON_AT(absent_bool), .flags = JSON_ALWAYS }
#define ABSENT_LIST(name)                                                                          \
    { name, JSON_TEXTS, JSON_AT(absent_texts), .flags = JSON_ALWAYS }
#define ABSENT_NULL(name)                                                                          \
    { name, JSON_RAW, JSON_AT(absent_raw), .flags = JSON_NULL }

#define T DockerVolumeOptions
static const JsonField volume_options_fields[] = {
    {"NoCopy", JSON_BOOL, JSON_AT(no_copy)},
    {"Labels", JSON_MAP, JSON_AT(labels)},
    {"Subpath", JSON_TEXT, JSON_AT(subpath)},
    {},
};
const JsonType docker_volume_options_type = {sizeof(T), volume_options_fields};
#undef T

#define T DockerMountSpec
static const JsonField mount_spec_fields[] = {
    {"Type", JSON_TEXT, JSON_AT(type), .flags = JSON_ALWAYS},
    {"Source", JSON_TEXT, JSON_AT(source)},
    {"Target", JSON_TEXT, JSON_AT(target), .flags = JSON_ALWAYS},
    {"ReadOnly", JSON_BOOL, JSON_AT(read_only)},
    {"VolumeOptions", JSON_OBJECT, JSON_AT(volume_options), &docker_volume_options_type},
    {},
};
const JsonType docker_mount_spec_type = {sizeof(T), mount_spec_fields};
#undef T

#define T DockerHostConfig
static const JsonField host_config_fields[] = {
    {"Binds", JSON_TEXTS, JSON_AT(binds), .flags = JSON_NULL},
    ABSENT_TEXT("ContainerIDFile"),
    {"LogConfig", JSON_OBJECT, JSON_AT(log_config), &log_config_type},
    {"NetworkMode", JSON_TEXT, JSON_AT(network_mode), .flags = JSON_ALWAYS},
    {"PortBindings", JSON_RAW, JSON_AT(port_bindings)},
    {"RestartPolicy", JSON_OBJECT, JSON_AT(restart_policy), &restart_policy_type},
    {"AutoRemove", JSON_BOOL, JSON_AT(auto_remove), .flags = JSON_ALWAYS},
    ABSENT_TEXT("VolumeDriver"),
    {"VolumesFrom", JSON_TEXTS, JSON_AT(volumes_from), .flags = JSON_NULL},
    {"ConsoleSize", JSON_UINTS, JSON_AT(console_size), .flags = JSON_ALWAYS},
    {"CapAdd", JSON_TEXTS, JSON_AT(cap_add), .flags = JSON_NULL},
    {"CapDrop", JSON_TEXTS, JSON_AT(cap_drop), .flags = JSON_NULL},
    {"CgroupnsMode", JSON_TEXT, JSON_AT(cgroupns_mode), .flags = JSON_ALWAYS},
    ABSENT_LIST("Dns"),
    ABSENT_LIST("DnsOptions"),
    ABSENT_LIST("DnsSearch"),
    ABSENT_NULL("ExtraHosts"),
    ABSENT_NULL("GroupAdd"),
    {"IpcMode", JSON_TEXT, JSON_AT(ipc_mode), .flags = JSON_ALWAYS},
    ABSENT_TEXT("Cgroup"),
    ABSENT_NULL("Links"),
    ABSENT_INT("OomScoreAdj"),
    ABSENT_TEXT("PidMode"),
    {"Privileged", JSON_BOOL, JSON_AT(privileged), .flags = JSON_ALWAYS},
    ABSENT_BOOL("PublishAllPorts"),
    {"ReadonlyRootfs", JSON_BOOL, JSON_AT(readonly_rootfs), .flags = JSON_ALWAYS},
    ABSENT_NULL("SecurityOpt"),
    ABSENT_TEXT("UTSMode"),
    ABSENT_TEXT("UsernsMode"),
    {"ShmSize", JSON_INT, JSON_AT(shm_size), .flags = JSON_ALWAYS},
    {"StorageOpt", JSON_MAP, JSON_AT(storage_options)},
    {"Runtime", JSON_TEXT, JSON_AT(runtime), .flags = JSON_ALWAYS},
    ABSENT_TEXT("Isolation"),
    ABSENT_INT("CpuShares"),
    {"Memory", JSON_INT, JSON_AT(memory), .flags = JSON_ALWAYS},
    {"NanoCpus", JSON_INT, JSON_AT(nano_cpus), .flags = JSON_ALWAYS},
    ABSENT_TEXT("CgroupParent"),
    ABSENT_INT("BlkioWeight"),
    ABSENT_LIST("BlkioWeightDevice"),
    ABSENT_LIST("BlkioDeviceReadBps"),
    ABSENT_LIST("BlkioDeviceWriteBps"),
    ABSENT_LIST("BlkioDeviceReadIOps"),
    ABSENT_LIST("BlkioDeviceWriteIOps"),
    ABSENT_INT("CpuPeriod"),
    ABSENT_INT("CpuQuota"),
    ABSENT_INT("CpuRealtimePeriod"),
    ABSENT_INT("CpuRealtimeRuntime"),
    ABSENT_TEXT("CpusetCpus"),
    ABSENT_TEXT("CpusetMems"),
    ABSENT_LIST("Devices"),
    ABSENT_NULL("DeviceCgroupRules"),
    ABSENT_NULL("DeviceRequests"),
    ABSENT_INT("MemoryReservation"),
    {"MemorySwap", JSON_INT, JSON_AT(memory_swap), .flags = JSON_ALWAYS},
    ABSENT_NULL("MemorySwappiness"),
    ABSENT_NULL("OomKillDisable"),
    {"PidsLimit", JSON_INT, JSON_AT(pids_limit), .flags = JSON_NULL},
    ABSENT_NULL("Ulimits"),
    ABSENT_INT("CpuCount"),
    ABSENT_INT("CpuPercent"),
    ABSENT_INT("IOMaximumIOps"),
    ABSENT_INT("IOMaximumBandwidth"),
    {"Mounts", JSON_OBJECTS, JSON_AT(mounts), &docker_mount_spec_type},
    {"Tmpfs", JSON_MAP, JSON_AT(tmpfs)},
    {"MaskedPaths", JSON_TEXTS, JSON_AT(masked_paths), .flags = JSON_NULL},
    {"ReadonlyPaths", JSON_TEXTS, JSON_AT(readonly_paths), .flags = JSON_NULL},
    {},
};
static const JsonType host_config_type = {sizeof(T), host_config_fields};
#undef T

#define T DockerGraphDriver
static const JsonField graph_fields[] = {
    {"Data", JSON_MAP, JSON_AT(data), .flags = JSON_NULL},
    {"Name", JSON_TEXT, JSON_AT(name), .flags = JSON_ALWAYS},
    {},
};
static const JsonType graph_type = {sizeof(T), graph_fields};
#undef T

#define T DockerMount
static const JsonField mount_fields[] = {
    {"Type", JSON_TEXT, JSON_AT(type), .flags = JSON_ALWAYS},
    {"Name", JSON_TEXT, JSON_AT(name)},
    {"Source", JSON_TEXT, JSON_AT(source), .flags = JSON_ALWAYS},
    {"Destination", JSON_TEXT, JSON_AT(destination), .flags = JSON_ALWAYS},
    {"Driver", JSON_TEXT, JSON_AT(driver)},
    {"Mode", JSON_TEXT, JSON_AT(mode), .flags = JSON_ALWAYS},
    {"RW", JSON_BOOL, JSON_AT(rw), .flags = JSON_ALWAYS},
    {"Propagation", JSON_TEXT, JSON_AT(propagation), .flags = JSON_ALWAYS},
    {},
};
const JsonType docker_mount_type = {sizeof(T), mount_fields};
#undef T

#define T DockerEndpoint
static const JsonField endpoint_fields[] = {
    ABSENT_NULL("IPAMConfig"),
    ABSENT_NULL("Links"),
    ABSENT_NULL("Aliases"),
    {"MacAddress", JSON_TEXT, JSON_AT(mac_address), .flags = JSON_ALWAYS},
    ABSENT_NULL("DriverOpts"),
    {"NetworkID", JSON_TEXT, JSON_AT(network_id), .flags = JSON_ALWAYS},
    {"EndpointID", JSON_TEXT, JSON_AT(endpoint_id), .flags = JSON_ALWAYS},
    {"Gateway", JSON_TEXT, JSON_AT(gateway), .flags = JSON_ALWAYS},
    {"IPAddress", JSON_TEXT, JSON_AT(ip_address), .flags = JSON_ALWAYS},
    {"IPPrefixLen", JSON_INT, JSON_AT(ip_prefix_length), .flags = JSON_ALWAYS},
    ABSENT_TEXT("IPv6Gateway"),
    ABSENT_TEXT("GlobalIPv6Address"),
    ABSENT_INT("GlobalIPv6PrefixLen"),
    ABSENT_NULL("DNSNames"),
    {},
};
const JsonType docker_endpoint_type = {sizeof(T), endpoint_fields};
#undef T

#define T DockerNetworkSettings
static const JsonField network_fields[] = {
    {"Bridge", JSON_TEXT, JSON_AT(bridge), .flags = JSON_ALWAYS},
    {"SandboxID", JSON_TEXT, JSON_AT(sandbox_id), .flags = JSON_ALWAYS},
    {"SandboxKey", JSON_TEXT, JSON_AT(sandbox_key), .flags = JSON_ALWAYS},
    {"Ports", JSON_RAW, JSON_AT(ports)},
    ABSENT_BOOL("HairpinMode"),
    ABSENT_TEXT("LinkLocalIPv6Address"),
    ABSENT_INT("LinkLocalIPv6PrefixLen"),
    ABSENT_NULL("SecondaryIPAddresses"),
    ABSENT_NULL("SecondaryIPv6Addresses"),
    {"EndpointID", JSON_TEXT, JSON_AT(endpoint_id), .flags = JSON_ALWAYS},
    {"Gateway", JSON_TEXT, JSON_AT(gateway), .flags = JSON_ALWAYS},
    ABSENT_TEXT("GlobalIPv6Address"),
    ABSENT_INT("GlobalIPv6PrefixLen"),
    {"IPAddress", JSON_TEXT, JSON_AT(ip_address), .flags = JSON_ALWAYS},
    {"IPPrefixLen", JSON_INT, JSON_AT(ip_prefix_length), .flags = JSON_ALWAYS},
    ABSENT_TEXT("IPv6Gateway"),
    {"MacAddress", JSON_TEXT, JSON_AT(mac_address), .flags = JSON_ALWAYS},
    {"Networks", JSON_OBJECT_MAP, JSON_AT(networks), &docker_endpoint_type, JSON_ALWAYS},
    {},
};
static const JsonType network_type = {sizeof(T), network_fields};
#undef T

#define T DockerContainer
static const JsonField container_fields[] = {
    {"Id", JSON_TEXT, JSON_AT(id)},
    {"Created", JSON_TEXT, JSON_AT(created)},
    {"Path", JSON_TEXT, JSON_AT(path), .flags = JSON_ALWAYS},
    {"Args", JSON_TEXTS, JSON_AT(args), .flags = JSON_ALWAYS},
    {"State", JSON_OBJECT, JSON_AT(state), &state_type},
    {"Image", JSON_TEXT, JSON_AT(image)},
    {"ResolvConfPath", JSON_TEXT, JSON_AT(resolv_conf_path), .flags = JSON_ALWAYS},
    {"HostnamePath", JSON_TEXT, JSON_AT(hostname_path), .flags = JSON_ALWAYS},
    {"HostsPath", JSON_TEXT, JSON_AT(hosts_path), .flags = JSON_ALWAYS},
    {"LogPath", JSON_TEXT, JSON_AT(log_path), .flags = JSON_ALWAYS},
    {"Name", JSON_TEXT, JSON_AT(name)},
    {"RestartCount", JSON_INT, JSON_AT(restart_count), .flags = JSON_ALWAYS},
    {"Driver", JSON_TEXT, JSON_AT(driver)},
    {"Platform", JSON_TEXT, JSON_AT(platform)},
    ABSENT_TEXT("MountLabel"),
    ABSENT_TEXT("ProcessLabel"),
    ABSENT_TEXT("AppArmorProfile"),
    ABSENT_NULL("ExecIDs"),
    {"HostConfig", JSON_OBJECT, JSON_AT(host_config), &host_config_type},
    {"GraphDriver", JSON_OBJECT, JSON_AT(graph_driver), &graph_type},
    {"SizeRw", JSON_INT, JSON_AT(size_rw)},
    {"SizeRootFs", JSON_INT, JSON_AT(size_root_fs)},
    {"Mounts", JSON_OBJECTS, JSON_AT(mounts), &docker_mount_type, JSON_ALWAYS},
    {"Config", JSON_OBJECT, JSON_AT(config), &docker_config_type},
    {"NetworkSettings", JSON_OBJECT, JSON_AT(network_settings), &network_type},
    {},
};
const JsonType docker_container_type = {sizeof(T), container_fields};
#undef T
