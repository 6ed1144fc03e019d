/* The few kernel structures that the recorder reads, with only the fields that it reads.
 *
 * Every access is relocated against the running kernel's own type information when the programs
 * are loaded (CO-RE), so neither order nor size matters here, only names and types. Writing them
 * out, instead of including a dump of one kernel's types, makes the build give the same bytes on
 * every machine. Names with three underscores are older spellings of the same structure.
 */
#pragma once

#include <linux/types.h>

#define RELOCATED __attribute__((preserve_access_index))

typedef int pid_t;

struct ns_common {
	unsigned int inum;
} RELOCATED;

struct pid_namespace {
	struct ns_common ns;
} RELOCATED;

struct mnt_namespace {
	struct ns_common ns;
} RELOCATED;

struct net {
	struct ns_common ns;
} RELOCATED;

struct nsproxy {
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
} RELOCATED;

struct upid {
	int nr;
} RELOCATED;

struct pid {
	unsigned int level;
	struct upid numbers[1];
} RELOCATED;

struct qstr {
	const unsigned char *name;
} RELOCATED;

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
} RELOCATED;

struct vfsmount {
	struct dentry *mnt_root;
} RELOCATED;

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
} RELOCATED;

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
} RELOCATED;

struct super_block {
	__u32 s_dev;
} RELOCATED;

struct timespec64 {
	__s64 tv_sec;
	long tv_nsec;
} RELOCATED;

struct inode {
	unsigned long i_ino;
	__s64 i_size;
	struct super_block *i_sb;
	__s64 i_mtime_sec;
	__u32 i_mtime_nsec;
} RELOCATED;

/* Linux 6.6 to 6.10 */
struct inode___wrapped {
	struct timespec64 __i_mtime;
} RELOCATED;

/* before Linux 6.6 */
struct inode___plain {
	struct timespec64 i_mtime;
} RELOCATED;

struct file {
	struct path f_path;
	struct inode *f_inode;
} RELOCATED;

struct fs_struct {
	struct path pwd;
} RELOCATED;

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
} RELOCATED;

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live;
} RELOCATED;

typedef struct {
	unsigned int val;
} kuid_t;

struct task_struct {
	int pid;
	int tgid;
	int exit_code;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	__u64 start_boottime;
	kuid_t loginuid;
	unsigned int sessionid;
	struct nsproxy *nsproxy;
	struct pid *thread_pid;
	struct fs_struct *fs;
	struct mm_struct *mm;
	struct signal_struct *signal;
} RELOCATED;

struct linux_binprm {
	struct file *file;
} RELOCATED;

struct in6_addr {
	__u8 bytes[16];
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__u32 skc_daddr;
	__u32 skc_rcv_saddr;
	__u16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
} RELOCATED;

struct sock {
	struct sock_common __sk_common;
	int sk_err;
} RELOCATED;
