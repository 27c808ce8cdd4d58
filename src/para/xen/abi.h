/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * abi: numbers of the Xen PV interface, as its public headers define them for 64-bit x86 guests:
 * [XEN xen], [XEN arch-x86/xen], [XEN arch-x86/xen-x86_64]. Records in guest memory are read and
 * written by offset.
 */
#ifndef QUAD_PARA_XEN_ABI_H
#define QUAD_PARA_XEN_ABI_H

#include "base/base.h"

/* Errors as the interface numbers them [XEN errno]; those that Linux numbers otherwise are not in
 * use here. */

/* clang-format off */

/* Hypercall numbers [XEN xen]. */
enum {
    HC_set_trap_table = 0, HC_mmu_update = 1, HC_set_gdt = 2, HC_stack_switch = 3,
    HC_set_callbacks = 4, HC_fpu_taskswitch = 5, HC_sched_op_compat = 6, HC_platform_op = 7,
    HC_set_debugreg = 8, HC_get_debugreg = 9, HC_update_descriptor = 10, HC_memory_op = 12,
    HC_multicall = 13, HC_update_va_mapping = 14, HC_set_timer_op = 15,
    HC_event_channel_op_compat = 16, HC_xen_version = 17, HC_console_io = 18,
    HC_physdev_op_compat = 19, HC_grant_table_op = 20, HC_vm_assist = 21,
    HC_update_va_mapping_otherdomain = 22, HC_iret = 23, HC_vcpu_op = 24,
    HC_set_segment_base = 25, HC_mmuext_op = 26, HC_xsm_op = 27, HC_nmi_op = 28,
    HC_sched_op = 29, HC_callback_op = 30, HC_xenoprof_op = 31, HC_event_channel_op = 32,
    HC_physdev_op = 33, HC_hvm_op = 34, HC_sysctl = 35, HC_domctl = 36, HC_kexec_op = 37,
    HC_tmem_op = 38, HC_argo_op = 39, HC_xenpmu_op = 40, HC_dm_op = 41, HC_hypfs_op = 42,
    HC_COUNT = 64,
};

enum { DOMID_SELF = 0x7ff0, DOMID_IO = 0x7ff1, DOMID_XEN = 0x7ff2, DOMID_INVALID = 0x7ff4 };

/* Selectors of the reserved part of the GDT, from index 7168 on [XEN arch-x86/xen-x86_64]. */
enum {
    SEL_RING3_CS32 = 0xe023, SEL_RING3_DS = 0xe02b, SEL_RING3_CS64 = 0xe033,
    GDT_RESERVED_FIRST = 7168, GDT_GUEST_FRAMES = 14,
};

/* Virtual addresses that belong to the hypervisor; the machine-to-physical table lies first. */
#define XEN_VIRT_START UINT64_C(0xffff800000000000)
#define XEN_VIRT_END UINT64_C(0xffff880000000000)
/* The table is seen at XEN_VIRT_START, as of old, and here, where guests that ask are sent. Their own
 * table from page to frame is read together with it, with the same index, and its address is a
 * multiple of much: at this distance the two do not take each other's place in a TLB. */
#define M2P_VIRT_START (XEN_VIRT_START + UINT64_C(0x8000400000))
enum { XEN_L4_FIRST = 256, XEN_L4_LAST = 271 };

/* Page-table entries. */
#define PTE_P UINT64_C(0x1)
#define PTE_RW UINT64_C(0x2)
#define PTE_US UINT64_C(0x4)
#define PTE_A UINT64_C(0x20)
#define PTE_D UINT64_C(0x40)
#define PTE_PSE UINT64_C(0x80)
#define PTE_G UINT64_C(0x100)
#define PTE_NX (UINT64_C(1) << 63)
#define PTE_FRAME UINT64_C(0x000ffffffffff000)

/* shared_info, vcpu_info [XEN xen; XEN arch-x86/xen]. */
enum {
    SI_EVTCHN_PENDING = 2048, SI_EVTCHN_MASK = 2560, SI_WC_VERSION = 3072, SI_WC_SEC = 3076,
    SI_WC_NSEC = 3080, SI_WC_SEC_HI = 3084, SI_MAX_PFN = 3088, SI_P2M_LIST = 3096,
    VI_UPCALL_PENDING = 0, VI_UPCALL_MASK = 1, VI_PENDING_SEL = 8, VI_CR2 = 16, VI_TIME = 32,
    VI_SIZE = 64, SI_LEGACY_VCPUS = 32,
    TI_VERSION = 0, TI_TSC = 8, TI_SYSTEM = 16, TI_MUL = 24, TI_SHIFT = 28, TI_FLAGS = 29,
    TI_SIZE = 32,
};

/* start_info [XEN xen]. */
enum {
    START_MAGIC = 0, START_NR_PAGES = 32, START_SHARED_INFO = 40, START_FLAGS = 48,
    START_STORE_MFN = 56, START_STORE_EVTCHN = 64, START_CONSOLE_MFN = 72,
    START_CONSOLE_EVTCHN = 80, START_PT_BASE = 88, START_NR_PT_FRAMES = 96, START_MFN_LIST = 104,
    START_MOD_START = 112, START_MOD_LEN = 120, START_CMDLINE = 128, START_CMDLINE_MAX = 1024,
    START_FIRST_P2M_PFN = 1152, START_NR_P2M_FRAMES = 1160,
    SIF_PRIVILEGED = 1, SIF_INITDOMAIN = 2, SIF_MOD_START_PFN = 8,
};

/* vcpu_guest_context and the user registers in it [XEN arch-x86/xen]. */
enum {
    CTX_FPU = 0, CTX_FLAGS = 512, CTX_REGS = 520, CTX_TRAPS = 720, CTX_LDT_BASE = 4816,
    CTX_LDT_ENTS = 4824, CTX_GDT_FRAMES = 4832, CTX_GDT_ENTS = 4960, CTX_KERNEL_SS = 4968,
    CTX_KERNEL_SP = 4976, CTX_CTRLREG = 4984, CTX_DEBUGREG = 5048, CTX_EVENT_CALLBACK = 5112,
    CTX_FAILSAFE_CALLBACK = 5120, CTX_SYSCALL_CALLBACK = 5128, CTX_VM_ASSIST = 5136,
    CTX_FS_BASE = 5144, CTX_GS_KERNEL = 5152, CTX_GS_USER = 5160, CTX_SIZE = 5168,
    UR_R15 = 0, UR_R14 = 8, UR_R13 = 16, UR_R12 = 24, UR_RBP = 32, UR_RBX = 40, UR_R11 = 48,
    UR_R10 = 56, UR_R9 = 64, UR_R8 = 72, UR_RAX = 80, UR_RCX = 88, UR_RDX = 96, UR_RSI = 104,
    UR_RDI = 112, UR_RIP = 128, UR_CS = 136, UR_RFLAGS = 144, UR_RSP = 152, UR_SS = 160,
    UR_ES = 168, UR_DS = 176, UR_FS = 184, UR_GS = 192,
    VGCF_I387_VALID = 1, VGCF_IN_KERNEL = 4, VGCF_IN_SYSCALL = 256, VGCF_ONLINE = 32,
};

/* Virtual interrupts [XEN xen]. */
enum { VIRQ_TIMER = 0, VIRQ_DEBUG = 1, VIRQ_CONSOLE = 2, VIRQ_DOM_EXC = 3, VIRQ_COUNT = 24 };

enum { CALLBACK_EVENT, CALLBACK_FAILSAFE, CALLBACK_SYSCALL, CALLBACK_NMI_OLD, CALLBACK_NMI,
       CALLBACK_SYSENTER, CALLBACK_SYSENTER_OLD, CALLBACK_SYSCALL32, CALLBACK_COUNT };

enum { VMASST_4GB_SEGMENTS, VMASST_4GB_NOTIFY, VMASST_WRITABLE_PAGETABLES, VMASST_PAE_CR3,
       VMASST_ARCHITECTURAL_IOPL, VMASST_RUNSTATE_FLAG, VMASST_M2P_STRICT = 32 };

enum { SHUTDOWN_POWEROFF, SHUTDOWN_REBOOT, SHUTDOWN_SUSPEND, SHUTDOWN_CRASH, SHUTDOWN_WATCHDOG,
       SHUTDOWN_SOFT_RESET };

/* ELF notes of owner "Xen" [XEN elfnote]. */
enum { NOTE_ENTRY = 1, NOTE_HYPERCALL_PAGE = 2, NOTE_VIRT_BASE = 3, NOTE_PADDR_OFFSET = 4,
       NOTE_XEN_VERSION = 5, NOTE_GUEST_OS = 6, NOTE_FEATURES = 10, NOTE_INIT_P2M = 15,
       NOTE_MOD_START_PFN = 16, NOTE_SUPPORTED_FEATURES = 17 };

/* clang-format on */

#endif
