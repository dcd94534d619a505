/**
 * khop's own version; a test holds it to package.json's.
 * @module
 */
export const VERSION = '0.1.0';
