#include "core/network_file_system.h"

#include <stddef.h>

const char *gp_network_file_system(unsigned long type)
{
    static const struct {
        unsigned long type;
        const char *name;
    } systems[] = {
        {0x6969, "NFS"},        {0x517B, "SMB"},      {0xFF534D42, "CIFS"},  {0xFE534D42, "SMB"},
        {0x5346414F, "AFS"},    {0x6B414653, "AFS"},  {0x73757245, "Coda"},  {0x564C, "NCP"},
        {0x01021997, "9P"},     {0x00C36400, "Ceph"}, {0x65735546, "FUSE"},  {0x0BD00BD0, "Lustre"},
        {0x47504653, "GPFS"},   {0x01161970, "GFS2"}, {0x7461636F, "OCFS2"}, {0x786F4256, "vboxsf"},
        {0x19830326, "BeeGFS"},
    };
    size_t i;
    /* f_type is signed and as wide as a long, the numbers have 32 bits. */
    type &= 0xFFFFFFFFUL;
    for (i = 0; i < sizeof systems / sizeof *systems; i++) {
        if (systems[i].type == type) return systems[i].name;
    }
    return NULL;
}
