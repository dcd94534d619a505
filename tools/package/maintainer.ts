/**
 * Who answers for a package that was built from the sources: whoever built it.
 * @module
 */
export const MAINTAINER = 'The khop authors <khop@localhost>';
