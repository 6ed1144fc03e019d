/* What the kernel tells the recorder: exec, fork, exit, TCP connections and DNS questions.
 *
 * Only BTF tracepoints and one cgroup program: a syscall tracepoint would make every system call
 * of every process on the computer slower. Records go into one ring buffer; agent/recorder/ebpf.py
 * decodes them, so a change of a structure here is a change there. A record that does not fit is
 * counted in `drops` under its type: quiet and blind must look different.
 */
#include <linux/bpf.h>

#include "kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define RING_BYTES (4 * 1024 * 1024)
#define ARGUMENT_BYTES 8192
#define PATH_BYTES 4096
#define PATH_COMPONENTS 256
#define NAME_BYTES 256
#define OFFSET_MASK 0x3fff
#define SCRATCH_BYTES (OFFSET_MASK + 1 + ARGUMENT_BYTES + NAME_BYTES)
#define DNS_BYTES 512
#define DNS_PORT 53

#define AF_INET 2
#define AF_INET6 10
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7
#define TCP_LISTEN 10

enum record_type {
	RECORD_EXEC = 1,
	RECORD_FORK = 2,
	RECORD_EXIT = 3,
	RECORD_NETWORK = 4,
	RECORD_DNS = 5,
};

enum network_operation {
	NETWORK_CONNECT = 0,
	NETWORK_ACCEPT = 1,
	NETWORK_REFUSE = 2,
	NETWORK_CLOSE = 3,
	NETWORK_LISTEN = 4,
	NETWORK_LISTEN_END = 5,
};

enum exec_flag {
	EXEC_PATH_CUT = 1,
	EXEC_CWD_CUT = 2,
	EXEC_MEMORY_ONLY = 4,
};

struct header {
	__u32 type;
	__u32 size;
	__u64 at; /* ns since boot, suspend included */
	__u32 pid;
	__u32 user_id;
	__u64 started; /* the process, ns since boot */
};

struct exec_record {
	struct header header;
	__u32 parent_pid;
	__u32 group_id;
	__u32 login_user_id;
	__u32 session_id;
	__u32 pid_namespace;
	__u32 mount_namespace;
	__u32 namespace_pid;
	__u32 device;
	__u64 cgroup_id;
	__u64 inode;
	__u64 size;
	__s64 modified_seconds;
	__u32 modified_nanoseconds;
	__u32 flags;
	__u16 path_length;
	__u16 cwd_length;
	__u32 arguments_kept;
	__u64 arguments_total;
};

struct fork_record {
	struct header header;
	__u32 parent_pid;
	__u32 padding;
};

struct exit_record {
	struct header header;
	__u32 code;
	__u32 padding;
};

struct network_record {
	struct header header;
	__u16 family;
	__u16 local_port;
	__u16 port;
	__u16 operation;
	__u8 local_address[16];
	__u8 address[16];
	__u32 network_namespace;
	__u32 error;
};

struct dns_record {
	struct header header;
	__u16 family;
	__u16 length;
	__u32 padding;
	__u8 server[16];
	__u8 message[DNS_BYTES];
};

/* key_size and value_size instead of __type: libbpf creates a map whose BTF is refused again
 * without it, which the loader program of a light skeleton cannot do. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, SCRATCH_BYTES);
} scratch SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__uint(key_size, 4);
	__uint(value_size, 8);
} drops SEC(".maps");

struct owner {
	__u32 pid;
	__u32 user_id;
	__u64 started;
};

/* socket -> who connected it; an accepted socket has pid 0: its listener's owner is looked up
 * by the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__uint(key_size, 8);
	__uint(value_size, sizeof(struct owner));
} owners SEC(".maps");

static __always_inline void count_drop(__u32 type)
{
	__u64 *count = bpf_map_lookup_elem(&drops, &type);

	if (count)
		__sync_fetch_and_add(count, 1);
}

static __always_inline __u64 process_started(struct task_struct *task)
{
	return BPF_CORE_READ(task, group_leader, start_boottime);
}

static __always_inline void fill_header(struct header *header, __u32 type, __u32 size)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	header->type = type;
	header->size = size;
	header->at = bpf_ktime_get_boot_ns();
	header->pid = bpf_get_current_pid_tgid() >> 32;
	header->user_id = (__u32)bpf_get_current_uid_gid();
	header->started = process_started(task);
}

/* Where a walk from a file up to the root of its mount namespace stands. */
struct walk {
	struct dentry *dentry;
	struct dentry *root; /* of the mount */
	struct mount *mount;
	__u32 start;
	__u32 offset;
	__u32 shortcoming;
};

#define WALK_ON 0
#define WALK_ENDS 1
#define PATH_CUT (1U << 31)
#define PATH_DETACHED (1U << 30)

/* One step up: through a mount point, or to the parent directory after writing one name. */
static long walk_up(__u32 step, struct walk *walk)
{
	__u32 zero = 0;
	char *buffer = bpf_map_lookup_elem(&scratch, &zero);
	struct dentry *dentry = walk->dentry, *parent;
	long length;

	if (!buffer)
		return WALK_ENDS;
	if (dentry == walk->root) {
		struct mount *mount = walk->mount, *above = BPF_CORE_READ(mount, mnt_parent);

		if (above == mount) {
			walk->shortcoming = 0;
			return WALK_ENDS;
		}
		walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		walk->mount = above;
		walk->root = BPF_CORE_READ(above, mnt.mnt_root);
		return WALK_ON;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	if (walk->offset - walk->start > PATH_BYTES)
		return WALK_ENDS;
	length = bpf_probe_read_kernel_str(buffer + (walk->offset & OFFSET_MASK), NAME_BYTES,
					   BPF_CORE_READ(dentry, d_name.name));
	if (length <= 0)
		return WALK_ENDS;
	walk->offset += length;
	walk->dentry = parent;
	if (parent != dentry)
		return WALK_ON;
	/* A file of no directory (memfd) is its own parent. */
	walk->shortcoming = PATH_DETACHED;
	return WALK_ENDS;
}

/* Write the components of a path, leaf first, each with its NUL, at `offset` of the scratch
 * buffer. Returns the offset behind them, with a PATH_ flag. bpf_loop, because the verifier then
 * looks at one step only (an unrolled walk exceeds its budget). */
static __noinline __u32 put_path(struct dentry *dentry, struct vfsmount *vfsmount, __u32 offset)
{
	struct walk walk = {
		.dentry = dentry,
		.root = BPF_CORE_READ(vfsmount, mnt_root),
		.mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt),
		.start = offset,
		.offset = offset,
		.shortcoming = PATH_CUT,
	};

	bpf_loop(PATH_COMPONENTS, walk_up, &walk, 0);
	return walk.offset | walk.shortcoming;
}

static __always_inline void put_identity(struct exec_record *record, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	record->device = BPF_CORE_READ(inode, i_sb, s_dev);
	record->inode = BPF_CORE_READ(inode, i_ino);
	record->size = BPF_CORE_READ(inode, i_size);
	if (bpf_core_field_exists(inode->i_mtime_sec)) {
		record->modified_seconds = BPF_CORE_READ(inode, i_mtime_sec);
		record->modified_nanoseconds = BPF_CORE_READ(inode, i_mtime_nsec);
	} else if (bpf_core_field_exists(((struct inode___wrapped *)inode)->__i_mtime)) {
		struct inode___wrapped *wrapped = (void *)inode;

		record->modified_seconds = BPF_CORE_READ(wrapped, __i_mtime.tv_sec);
		record->modified_nanoseconds = BPF_CORE_READ(wrapped, __i_mtime.tv_nsec);
	} else {
		struct inode___plain *plain = (void *)inode;

		record->modified_seconds = BPF_CORE_READ(plain, i_mtime.tv_sec);
		record->modified_nanoseconds = BPF_CORE_READ(plain, i_mtime.tv_nsec);
	}
}

static __always_inline void put_context(struct exec_record *record, struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	struct upid innermost = {};

	record->parent_pid = BPF_CORE_READ(task, real_parent, tgid);
	record->group_id = bpf_get_current_uid_gid() >> 32;
	record->login_user_id = BPF_CORE_READ(task, loginuid.val);
	record->session_id = BPF_CORE_READ(task, sessionid);
	record->pid_namespace = BPF_CORE_READ(task, nsproxy, pid_ns_for_children, ns.inum);
	record->mount_namespace = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	bpf_core_read(&innermost, sizeof(innermost), &pid->numbers[level]);
	record->namespace_pid = innermost.nr;
	record->cgroup_id = bpf_get_current_cgroup_id();
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *binprm)
{
	__u32 zero = 0, offset = sizeof(struct exec_record), end, kept;
	char *buffer = bpf_map_lookup_elem(&scratch, &zero);
	struct exec_record *record = (void *)buffer;
	struct file *file = BPF_CORE_READ(binprm, file);
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	__u64 first = BPF_CORE_READ(mm, arg_start);

	if (!buffer)
		return 0;
	put_context(record, task);
	put_identity(record, file);
	record->flags = 0;
	end = put_path(BPF_CORE_READ(file, f_path.dentry), BPF_CORE_READ(file, f_path.mnt), offset);
	if (end & PATH_CUT)
		record->flags |= EXEC_PATH_CUT;
	if (end & PATH_DETACHED)
		record->flags |= EXEC_MEMORY_ONLY;
	end &= OFFSET_MASK;
	record->path_length = end - offset;
	offset = end;
	end = put_path(BPF_CORE_READ(task, fs, pwd.dentry), BPF_CORE_READ(task, fs, pwd.mnt), offset);
	if (end & PATH_CUT)
		record->flags |= EXEC_CWD_CUT;
	end &= OFFSET_MASK;
	record->cwd_length = end - offset;

	record->arguments_total = BPF_CORE_READ(mm, arg_end) - first;
	kept = record->arguments_total > ARGUMENT_BYTES ? ARGUMENT_BYTES : record->arguments_total;
	if (kept > ARGUMENT_BYTES)
		kept = ARGUMENT_BYTES;
	if (kept && bpf_probe_read_user(buffer + end, kept, (void *)first))
		kept = 0;
	record->arguments_kept = kept;

	end += kept;
	if (end > SCRATCH_BYTES)
		return 0;
	fill_header(&record->header, RECORD_EXEC, end);
	if (bpf_ringbuf_output(&ring, buffer, end, 0))
		count_drop(RECORD_EXEC);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct fork_record *record;
	__u32 pid = BPF_CORE_READ(child, tgid);

	if (pid != BPF_CORE_READ(child, pid)) /* a thread */
		return 0;
	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record) {
		count_drop(RECORD_FORK);
		return 0;
	}
	fill_header(&record->header, RECORD_FORK, sizeof(*record));
	record->parent_pid = record->header.pid;
	record->padding = 0;
	record->header.pid = pid;
	record->header.started = BPF_CORE_READ(child, start_boottime);
	bpf_ringbuf_submit(record, 0);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct exit_record *record;

	/* The process ends with its last thread, which need not be the first one. */
	if (BPF_CORE_READ(task, signal, live.counter) != 0)
		return 0;
	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record) {
		count_drop(RECORD_EXIT);
		return 0;
	}
	fill_header(&record->header, RECORD_EXIT, sizeof(*record));
	record->code = BPF_CORE_READ(task, exit_code);
	record->padding = 0;
	bpf_ringbuf_submit(record, 0);
	return 0;
}

static __always_inline void put_addresses(struct network_record *record, struct sock *sock)
{
	record->local_port = BPF_CORE_READ(sock, __sk_common.skc_num);
	record->port = bpf_ntohs(BPF_CORE_READ(sock, __sk_common.skc_dport));
	__builtin_memset(record->local_address, 0, sizeof(record->local_address));
	__builtin_memset(record->address, 0, sizeof(record->address));
	if (record->family == AF_INET) {
		BPF_CORE_READ_INTO((__u32 *)record->local_address, sock, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((__u32 *)record->address, sock, __sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO((struct in6_addr *)record->local_address, sock,
				   __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)record->address, sock,
				   __sk_common.skc_v6_daddr);
	}
}

static __always_inline void put_network(struct sock *sock, __u16 operation,
					const struct owner *owner)
{
	struct network_record *record;
	__u16 family = BPF_CORE_READ(sock, __sk_common.skc_family);

	if (family != AF_INET && family != AF_INET6)
		return;
	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record) {
		count_drop(RECORD_NETWORK);
		return;
	}
	record->header.type = RECORD_NETWORK;
	record->header.size = sizeof(*record);
	record->header.at = bpf_ktime_get_boot_ns();
	record->header.pid = owner->pid;
	record->header.user_id = owner->user_id;
	record->header.started = owner->started;
	record->family = family;
	record->operation = operation;
	put_addresses(record, sock);
	record->network_namespace = BPF_CORE_READ(sock, __sk_common.skc_net.net, ns.inum);
	record->error = BPF_CORE_READ(sock, sk_err);
	bpf_ringbuf_submit(record, 0);
}

static __always_inline void current_owner(struct owner *owner)
{
	owner->pid = bpf_get_current_pid_tgid() >> 32;
	owner->user_id = (__u32)bpf_get_current_uid_gid();
	owner->started = process_started((void *)bpf_get_current_task());
}

/* connect() and listen() run in their caller's context; every later change of state may happen
 * in whatever process the interrupt hits, so the owner is remembered by socket. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sock, int old_state, int new_state)
{
	__u64 key = (__u64)sock;
	struct owner owner = {}, *known;

	if (new_state == TCP_SYN_SENT) {
		current_owner(&owner);
		bpf_map_update_elem(&owners, &key, &owner, BPF_ANY);
		return 0;
	}
	if (new_state == TCP_LISTEN) {
		current_owner(&owner);
		put_network(sock, NETWORK_LISTEN, &owner);
		return 0;
	}
	if (old_state == TCP_LISTEN) {
		put_network(sock, NETWORK_LISTEN_END, &owner);
		return 0;
	}
	if (old_state == TCP_SYN_RECV && new_state == TCP_ESTABLISHED) {
		bpf_map_update_elem(&owners, &key, &owner, BPF_ANY);
		put_network(sock, NETWORK_ACCEPT, &owner);
		return 0;
	}
	known = bpf_map_lookup_elem(&owners, &key);
	if (!known)
		return 0;
	owner = *known;
	if (new_state == TCP_CLOSE) {
		bpf_map_delete_elem(&owners, &key);
		put_network(sock, old_state == TCP_SYN_SENT ? NETWORK_REFUSE : NETWORK_CLOSE, &owner);
	} else if (old_state == TCP_SYN_SENT && new_state == TCP_ESTABLISHED) {
		put_network(sock, NETWORK_CONNECT, &owner);
	}
	return 0;
}

struct ipv4_header {
	__u8 version_and_length;
	__u8 service;
	__u16 total_length;
	__u16 id;
	__u16 fragment;
	__u8 time_to_live;
	__u8 protocol;
	__u16 checksum;
	__u32 source;
	__u32 destination;
};

struct ipv6_header {
	__u32 version_and_flow;
	__u16 payload_length;
	__u8 next_header;
	__u8 hop_limit;
	__u8 source[16];
	__u8 destination[16];
};

struct udp_header {
	__u16 source;
	__u16 destination;
	__u16 length;
	__u16 checksum;
};

#define PROTOCOL_UDP 17
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

/* Fills `server`; returns the offset of the UDP header, or 0 where there is none. */
static __always_inline __u32 find_udp(struct __sk_buff *packet, __u8 *server, __u16 *family)
{
	if (packet->protocol == bpf_htons(ETHERTYPE_IPV4)) {
		struct ipv4_header ip;

		if (bpf_skb_load_bytes(packet, 0, &ip, sizeof(ip)) || ip.protocol != PROTOCOL_UDP)
			return 0;
		__builtin_memcpy(server, &ip.destination, 4);
		*family = AF_INET;
		return (ip.version_and_length & 0x0f) * 4;
	}
	if (packet->protocol == bpf_htons(ETHERTYPE_IPV6)) {
		struct ipv6_header ip;

		if (bpf_skb_load_bytes(packet, 0, &ip, sizeof(ip)) || ip.next_header != PROTOCOL_UDP)
			return 0;
		__builtin_memcpy(server, ip.destination, 16);
		*family = AF_INET6;
		return sizeof(ip);
	}
	return 0;
}

/* Always lets the packet pass. */
SEC("cgroup_skb/egress")
int on_dns(struct __sk_buff *packet)
{
	struct task_struct *task;
	struct dns_record *record;
	struct udp_header udp;
	__u8 server[16] = {};
	__u16 family = 0;
	__u32 offset = find_udp(packet, server, &family), length;

	if (!offset || bpf_skb_load_bytes(packet, offset, &udp, sizeof(udp)))
		return 1;
	if (udp.destination != bpf_htons(DNS_PORT))
		return 1;
	record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	if (!record) {
		count_drop(RECORD_DNS);
		return 1;
	}
	record->header.type = RECORD_DNS;
	record->header.size = sizeof(*record);
	record->header.at = bpf_ktime_get_boot_ns();
	task = (void *)bpf_get_current_task();
	record->header.pid = BPF_CORE_READ(task, tgid);
	record->header.user_id = 0;
	record->header.started = process_started(task);
	record->family = family;
	record->padding = 0;
	__builtin_memcpy(record->server, server, sizeof(server));
	offset += sizeof(udp);
	length = packet->len - offset;
	if (length > DNS_BYTES - 1)
		length = DNS_BYTES - 1;
	record->length = length;
	barrier_var(length); /* keep the compiler from proving the mask needless: the verifier cannot */
	length &= DNS_BYTES - 1;
	if (!length || bpf_skb_load_bytes(packet, offset, record->message, length))
		record->length = 0;
	bpf_ringbuf_submit(record, 0);
	return 1;
}
