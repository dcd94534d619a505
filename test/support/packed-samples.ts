/**
 * One text, packed by the original tool of each format: xz 5.4.1, zstd 1.5.4, lz4 1.9.4, bzip2 1.0.8,
 * lzop 1.04, gzip 1.12. For machines on which these tools are not installed, and for damage by the test.
 * @module
 */
import type { Compression } from '../../src/formats/compression.ts';

/** What all of them unpack to. */
export const SAMPLE = Buffer.from(
  Array.from({ length: 60 }, (_, i) => `CONFIG_OPTION_${(i * 7) % 13}=${'ymn'[i % 3]}\n`).join(''),
);

const PACKED: Readonly<Record<Compression, string>> = {
  gzip:
    'H4sIAAAAAAACA+3SKw6AMBCEYc9pun1XVDWB1LQIfE8Antuj6e9R2E2+zGQzpbe1bqPvR+1tqHwv5XUJ+Zwukq/pEq' +
    'E0VIIyUKLALJgInGNHDefBmBaYBhWhmJWgDCsqMMuPCJxjRw3nwZgWmAYVoZiVoAwrcliWH+GyHDtyWh7sn/G3M34A' +
    'Kb41rUUEAAA=',
  zstd:
    'KLUv/QRoTQMAUsQNEaBtDAPg2r/0LuTwa9L4f6dGJUx+7AKFs9kSJj92gcLZbAmTH7tA4dD0TAbUtNK9FuGTrC33VC' +
    'ioMbCv/TMgubQcMQQ/AxHo+/+/AXvKViY6qpRMwI8unoCUd6fePgNf/rpUBaQKWtQL7g==',
  xz:
    '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AREAHFdACGTxfcDwi7F3FNaA2sG1Y0bQoaH+W/OP8vrKzLQOFvD4DcB5b' +
    'Xp8QZlRkcxn+y90VrnNJqMc3J8L9CWvRGAkfWuRfPlWd+4vyDfOrAYIJjrI+OmJLDPyn0bMtRE3KMQU/5RoUI1GFyU' +
    '/jGVuORPUCcAAAAAACQkP5mtSH32AAGNAcUIAADntZsTscRn+wIAAAAABFla',
  lz4:
    'AiFMGLYAAAD6A0NPTkZJR19PUFRJT05fMD15ChIAOzc9bRIAOzE9bhIAHTg2AB0yNgAdOTYAHTM2AC0xMDcAHTQ3AC' +
    '0xMTgAHjWkAB0yOAAdNjcADm4AHjduAA02AB04NgAObAAdOTYAHjOjAB0wNwAeNBIBHTE4AB41pAAdMjgAHTY3AA5u' +
    'AB43bgANNgAdODYADmwAHTk2AB4zowAOWQIeNBIBDloCHjWkAA5bAh02NwAPxwL/WVAxMD1uCg==',
  'lz4-frame':
    'BCJNGGRAp7YAAAD6A0NPTkZJR19PUFRJT05fMD15ChIAOzc9bRIAOzE9bhIAHTg2AB0yNgAdOTYAHTM2AC0xMDcAHT' +
    'Q3AC0xMTgAHjWkAB0yOAAdNjcADm4AHjduAA02AB04NgAObAAdOTYAHjOjAB0wNwAeNBIBHTE4AB41pAAdMjgAHTY3' +
    'AA5uAB43bgANNgAdODYADmwAHTk2AB4zowAOWQIeNBIBDloCHjWkAA5bAh02NwAPxwL/WVAxMD1uCgAAAABVnBpV',
  bzip2:
    'QlpoOTFBWSZTWYxNXWkAAGLPgAAQf+IJocQAgAMAIDAAqoJVTf6qmg/9VQyDBBEVQBpoDR+qFBo0aDIDTg34ERVFFR' +
    'ERRRRRVREaWlpTgYQkiskhCEhCEiAadDroejIzyLNFLnRRR1oUSIqiKKlL3BXYFdgV+ArgK/gFfoK7wV9AruBXAV5A' +
    'rgK4Cv8XckU4UJCMTV1p',
  lzo:
    'iUxaTwANChoKEEAgoAlAAwkDAAANAACBpGsE/jsAAAAAADf0BEMAAARFAAAAs5zSO+sjQ09ORklHX09QVElPTl8wPX' +
    'kKLEcANz1tLUcAMT1uLUUAOC/VADIv1QA5L9UAMy/WADEwL9kANC/aADExL90ANTCNAjIv3QA2L9gAMLUBNzC0AS/V' +
    'ADgv1AAwrQE5L9UAMzCJAjAv2QA0MEUEMS/dADUwjQIyL90ANi/YADC1ATcwtAEv1QA4L9QAMK0BOS/VADMwiAIwYQ' +
    'k0MEQEMGUJNTCMAjBpCTYv2AAgAFAYCxEAAAAAAAA=',
  lzma:
    'XQAAgAD//////////wAhk8X3A8IuxdxTWgNrBtWNG0KGh/lvzj/L6ysy0Dhbw+A3AeW16fEGZUZHMZ/svdFa5zSajH' +
    'NyfC/Qlr0RgJH1rkXz5VnfuL8g3zqwGCCY6yPjpiSwz8p9GzLURNyjEFP+UaFCNRhclP4xlbjkXQ2g///6eRQA',
};

/** SAMPLE as `compression`. */
export function packedSample(compression: Compression): Uint8Array {
  return new Uint8Array(Buffer.from(PACKED[compression], 'base64'));
}
