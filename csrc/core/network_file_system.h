/*
 * Recognizes network file systems, where locks and shared mappings are not reliable, so that no
 * journal and no shared limits are stored on them. FUSE counts as a network file system, as sshfs
 * cannot be told from a local disk.
 */
#ifndef GP_NETWORK_FILE_SYSTEM_H
#define GP_NETWORK_FILE_SYSTEM_H

/* The name of the networked file system with this `f_type` of statfs(2); NULL for any other. */
const char *gp_network_file_system(unsigned long type);

#endif
