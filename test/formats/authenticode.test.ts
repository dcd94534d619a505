import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { readSignatures, readSigners } from '../../src/formats/authenticode.ts';
import { authenticodeDigest, checkSignatures } from '../../src/formats/authenticode-digest.ts';
import { parsePe } from '../../src/formats/pe.ts';
import { buildCertificateTable, buildSignature, der, sequence } from '../support/authenticode-builder.ts';
import { assertSurvivesDamage, assertSurvivesTruncation } from '../support/hostile-bytes.ts';
import { buildPe } from '../support/pe-builder.ts';

const SIGNER = { subject: 'Distribution Signer 2026', issuer: 'Distribution CA', serial: 5 };
const AUTHORITY = { subject: 'Distribution CA', issuer: 'Distribution CA', serial: 9 };
const SECTIONS = { '.text': new Uint8Array(900).fill(0x90), '.data': new Uint8Array(512).fill(3) };

/** By the definition, for a file whose sections lie one behind the other: all of it without three fields. */
function digestOf(unsigned: Uint8Array): Uint8Array {
  const checksum = 0x98 + 64;
  const directory = 0x98 + 112 + 32;
  const hash = createHash('sha256').update(unsigned.subarray(0, checksum));
  hash.update(unsigned.subarray(checksum + 4, directory));
  return hash.update(unsigned.subarray(directory + 8)).digest();
}

const SIGNED = buildPe(SECTIONS, {
  certificates: buildCertificateTable([
    buildSignature({ signers: [SIGNER], authorities: [AUTHORITY], digest: digestOf(buildPe(SECTIONS)) }),
  ]),
});

describe('readSigners', () => {
  const signersOf = (...specs: Parameters<typeof buildSignature>) =>
    readSigners(buildCertificateTable(specs.map((spec) => buildSignature(spec))));

  it('names who signed, and not the authorities whose certificates lie beside', () => {
    assert.deepEqual(signersOf({ signers: [SIGNER], authorities: [AUTHORITY] }), [
      { subject: 'Distribution Signer 2026', issuer: 'Distribution CA' },
    ]);
  });

  it('names the issuer and the serial number when the certificate was left out', () => {
    assert.deepEqual(signersOf({ signers: [{ ...SIGNER, isDetached: true }] }), [
      { subject: 'certificate 05', issuer: 'Distribution CA' },
    ]);
  });

  it('does not take a certificate of the same issuer with another serial number', () => {
    const other = { ...SIGNER, subject: 'Somebody else', serial: 6 };
    const [signer] = signersOf({ signers: [{ ...SIGNER, isDetached: true }], authorities: [other] });
    assert.equal(signer?.subject, 'certificate 05');
  });

  it('reads every signature of an image that was signed twice', () => {
    const own = { subject: '自己的密钥', issuer: '自己的密钥' };
    const table = buildCertificateTable([
      buildSignature({ signers: [SIGNER] }),
      buildSignature({ signers: [own] }),
    ]);
    assert.deepEqual(
      readSigners(table).map((signer) => signer.subject),
      ['Distribution Signer 2026', '自己的密钥'],
    );
  });

  it('passes nothing on that a terminal would obey', () => {
    const [signer] = signersOf({ signers: [{ subject: 'a\x1b[2Jb\u202ec', issuer: 'd\n' }] });
    assert.deepEqual(signer, { subject: 'a?[2Jb?c', issuer: 'd?' });
  });

  it('is empty for an unsigned image, and passes over entries that are no PKCS #7', () => {
    assert.deepEqual(readSigners(new Uint8Array(0)), []);
    const x509 = buildCertificateTable([new Uint8Array(8)]);
    x509[6] = 1;
    assert.deepEqual(readSigners(x509), []);
  });
});

describe('checkSignatures', () => {
  it('finds an image as it was signed', () => {
    const [signature] = checkSignatures(SIGNED);
    assert.equal(signature?.isIntact, true);
    assert.equal(signature?.digest?.algorithm, 'sha256');
    assert.deepEqual(signature?.signers, [{ subject: SIGNER.subject, issuer: SIGNER.issuer }]);
  });

  it('notices one changed bit, but not in the checksum, which no signature covers', () => {
    const table = parsePe(SIGNED).layout.certificateTable.offset;
    // From the padding of the headers on: in the headers a change can make the image unreadable instead.
    for (let at = 0x200; at < table; at += 37) {
      const copy = Uint8Array.from(SIGNED);
      copy[at]! ^= 0x10;
      assert.equal(checkSignatures(copy)[0]?.isIntact, false, `byte 0x${at.toString(16)}`);
    }
    const checksum = Uint8Array.from(SIGNED);
    checksum[0xd8]! ^= 1;
    assert.equal(checkSignatures(checksum)[0]?.isIntact, true);
  });

  it('says that it cannot tell for a digest it does not know', () => {
    const digestIdentifier = '2a864886f70d0205';
    const certificates = buildCertificateTable([buildSignature({ signers: [SIGNER], digestIdentifier })]);
    assert.equal(checkSignatures(buildPe(SECTIONS, { certificates }))[0]?.isIntact, undefined);
  });

  it('refuses sections that lie on top of each other', () => {
    const bytes = buildPe(SECTIONS);
    new DataView(bytes.buffer).setUint32(0x98 + 240 + 40 + 20, 0x400, true);
    assert.throws(() => authenticodeDigest(bytes, parsePe(bytes), 'sha256'), {
      code: 'E_FORMAT',
      message: /overlap/,
    });
  });
});

describe('a damaged certificate table', () => {
  const table = buildCertificateTable([buildSignature({ signers: [SIGNER], authorities: [AUTHORITY] })]);
  const wrapped = (blob: Uint8Array) => readSignatures(buildCertificateTable([blob]));

  it('is refused when it is no signedData, or an element ends after what holds it', () => {
    assert.throws(() => wrapped(sequence(der(0x06, new Uint8Array(3)))), { code: 'E_FORMAT' });
    assert.throws(() => wrapped(new Uint8Array([0x30, 3, 0x06, 9, 0])), /ends after what holds it|contents/);
    assert.throws(() => wrapped(new Uint8Array([0x30, 0x80, 0, 0])), /not DER/);
    assert.throws(() => wrapped(new Uint8Array([0x30, 0x85, 1, 1, 1, 1, 1])), /not DER/);
  });

  it('gives an error of its own, or a value', () => {
    assertSurvivesTruncation(readSignatures, table);
    assertSurvivesDamage(readSignatures, table, undefined, 4000);
    assertSurvivesDamage(checkSignatures, SIGNED, { start: 0, end: 0x200 });
  });
});
