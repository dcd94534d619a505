/**
 * What `kexec --help` says when khop answers to that name.
 * @module
 */
export const KEXEC_HELP = `Usage: kexec [OPTION]... [kernel]
khop, answering to kexec-tools' options.

 -l, --load              load the kernel
 -p, --load-panic        load it for use on panic
 -u, --unload            unload; with -p the panic kernel
 -e, --exec              jump to what is loaded: syncs, takes network interfaces down,
                         stops nothing
 -f, --force             load, then as -e
 -S, --status            exit status 1 when loaded, 0 when not; crash slot unless -l
     --print-ckr-size    print the size of the panic kernel's reservation
 -s, --kexec-file-syscall    kexec_file_load only
 -c, --kexec-syscall         kexec_load only
 -a, --kexec-syscall-auto    what works (the default)
     --append=TEXT, --command-line=TEXT   kernel command line
     --reuse-cmdline     the running kernel's command line, then --append
     --initrd=FILE, --ramdisk=FILE        initial RAM disk
     --dtb=FILE          device tree
 -t, --type=TYPE         accepted; the type is found out from the file
 -i, --no-checks         accepted; khop makes no digest pass
 -x, --no-ifdown  -y, --no-sync
 -d, --debug  -h, --help  -v, --version
     --json              khop's own: say exit status, output and messages as JSON

Without an action: load, then an orderly reboot into the kernel.
Options that khop does not take are refused by name. See khop(8).`;
