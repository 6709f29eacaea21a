/*
 * Whether a file system is networked: there a lock and a shared mapping do not mean what they mean
 * on a local one, so no journal and no shared limits are kept on it. FUSE counts as networked, as
 * nothing tells sshfs from a local disk.
 */
#ifndef GP_NETWORK_FILE_SYSTEM_H
#define GP_NETWORK_FILE_SYSTEM_H

/* The name of the networked file system with this `f_type` of statfs(2); NULL for any other. */
const char *gp_network_file_system(unsigned long type);

#endif
