/**
 * ioctl(2) requests of watchdogs: include/uapi/linux/watchdog.h.
 * @module
 */

/** _IOR('W', 5, int). */
export const WDIOC_KEEPALIVE = 0x80045705;
/** _IOWR('W', 6, int), seconds. */
export const WDIOC_SETTIMEOUT = 0xc0045706;
