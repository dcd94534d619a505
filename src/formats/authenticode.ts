/**
 * Who signed a PE image: certificate names out of its attribute certificates.
 * Microsoft PE/COFF, 5.7; the PKCS #7 inside: RFC 2315, 9.1 and RFC 5280, 4.1; DER: X.690.
 * @module
 */
import { ByteReader } from './byte-reader.ts';

/** Common names of one certificate. */
export interface Signer {
  readonly subject: string;
  readonly issuer: string;
}

const WIN_CERT_TYPE_PKCS_SIGNED_DATA = 2;
const SEQUENCE = 0x30;
const CONTEXT_0 = 0xa0;
/** id-at-commonName, 2.5.4.3. */
const COMMON_NAME = '550403';

/** One DER element; `start` and `end` bound its contents. */
interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/** The certificates in every PKCS #7 blob of the table. @throws E_FORMAT for a damaged table */
export function readSigners(table: Uint8Array): Signer[] {
  const reader = new ByteReader(table, 'certificate table');
  const signers: Signer[] = [];
  for (let at = 0; at + 8 <= table.length; ) {
    const length = reader.u32(at, 'dwLength');
    if (length < 8) reader.fail('dwLength', at, `${length} is shorter than its header`);
    if (reader.u16(at + 6, 'wCertificateType') === WIN_CERT_TYPE_PKCS_SIGNED_DATA)
      signers.push(
        ...certificatesOf(new ByteReader(reader.slice(at + 8, length - 8, 'bCertificate'), 'PKCS #7')),
      );
    at += Math.ceil(length / 8) * 8;
  }
  return signers;
}

/** ContentInfo { oid, [0] SignedData { version, digests, content, [0] certificates, ... } }. */
function certificatesOf(reader: ByteReader): Signer[] {
  const content = childrenOf(reader, elementAt(reader, 0)).find((each) => each.tag === CONTEXT_0);
  if (content === undefined) return [];
  const signedData = elementAt(reader, content.start);
  const certificates = childrenOf(reader, signedData).find((each) => each.tag === CONTEXT_0);
  if (certificates === undefined) return [];
  return childrenOf(reader, certificates).flatMap((certificate) => {
    const [tbs] = childrenOf(reader, certificate);
    if (tbs === undefined) return [];
    // serialNumber, signature, issuer, validity, subject; a [0] version comes before in all of v3.
    const fields = childrenOf(reader, tbs).filter((each) => each.tag !== CONTEXT_0);
    const [, , issuer, , subject] = fields;
    if (issuer?.tag !== SEQUENCE || subject?.tag !== SEQUENCE) return [];
    return [{ subject: commonName(reader, subject), issuer: commonName(reader, issuer) }];
  });
}

/** Name: a sequence of sets of {oid, string}. */
function commonName(reader: ByteReader, name: Element): string {
  for (const set of childrenOf(reader, name))
    for (const pair of childrenOf(reader, set)) {
      const [oid, value] = childrenOf(reader, pair);
      if (oid === undefined || value === undefined) continue;
      const id = Buffer.from(reader.slice(oid.start, oid.end - oid.start, 'oid')).toString('hex');
      if (id === COMMON_NAME)
        return Buffer.from(reader.slice(value.start, value.end - value.start, 'CN')).toString('utf8');
    }
  return 'a certificate without a common name';
}

function childrenOf(reader: ByteReader, parent: Element): Element[] {
  const children: Element[] = [];
  for (let at = parent.start; at < parent.end; ) {
    const child = elementAt(reader, at);
    if (child.end > parent.end) reader.fail('length', at, 'an element ends after what holds it');
    children.push(child);
    at = child.end;
  }
  return children;
}

/** Definite lengths of up to four bytes. */
function elementAt(reader: ByteReader, at: number): Element {
  const tag = reader.u8(at, 'tag');
  const first = reader.u8(at + 1, 'length');
  if (first < 0x80) return { tag, start: at + 2, end: at + 2 + first };
  const count = first & 0x7f;
  if (count === 0 || count > 4) reader.fail('length', at + 1, `a length of ${count} bytes`);
  let length = 0;
  for (let index = 0; index < count; index++) length = length * 256 + reader.u8(at + 2 + index, 'length');
  const start = at + 2 + count;
  if (start + length > reader.length) reader.fail('length', at, 'the element ends after the data');
  return { tag, start, end: start + length };
}
