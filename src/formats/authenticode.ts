/**
 * Who signed a PE image, and whether the image is still what was signed. Nothing is trusted here: the kernel
 * checks the signature itself; khop says beforehand what it will find.
 * Specification: Microsoft PE/COFF 5.7 "The Attribute Certificate Table"; the PKCS #7 inside: RFC 2315, 9.1, with
 * Windows Authenticode Portable Executable Signature Format, SpcIndirectDataContent.
 * @module
 */
import { ByteReader } from './byte-reader.ts';
import { type Certificate, certificateIdentity, readCertificate, readName } from './certificate.ts';
import { DER_TAGS, type DerElement, derChildren, derContents, readDerElement } from './der.ts';

/** Names of one who signed. */
export interface Signer {
  /** Common name of the signing certificate. */
  readonly subject: string;
  /** Common name of what signed that certificate. */
  readonly issuer: string;
}

/** One PKCS #7 blob. */
export interface Signature {
  readonly signers: readonly Signer[];
  /** What was signed: `sha256` and the digest of the image; undefined for an algorithm khop does not know. */
  readonly digest: { readonly algorithm: string; readonly value: Uint8Array } | undefined;
}

const WIN_CERT_TYPE_PKCS_SIGNED_DATA = 2;
const CERTIFICATE_HEADER_SIZE = 8;
/** id-signedData, 1.2.840.113549.1.7.2, encoded. */
const SIGNED_DATA = '2a864886f70d010702';
/** Digest algorithms by their encoded identifiers. */
const DIGESTS = new Map([
  ['2b0e03021a', 'sha1'],
  ['608648016503040201', 'sha256'],
  ['608648016503040202', 'sha384'],
  ['608648016503040203', 'sha512'],
]);

/** Who signed, over all signatures of the table. @throws E_FORMAT for a damaged table */
export function readSigners(table: Uint8Array): Signer[] {
  return readSignatures(table).flatMap((signature) => signature.signers);
}

/** Every PKCS #7 blob of an attribute certificate table; other kinds of entries are passed over. @throws E_FORMAT */
export function readSignatures(table: Uint8Array): Signature[] {
  const reader = new ByteReader(table, 'certificate table');
  const signatures: Signature[] = [];
  for (let at = 0; at + CERTIFICATE_HEADER_SIZE <= table.length; ) {
    const length = reader.u32(at, 'dwLength');
    if (length < CERTIFICATE_HEADER_SIZE) reader.fail('dwLength', at, `${length} is shorter than its header`);
    const blob = reader.slice(at + CERTIFICATE_HEADER_SIZE, length - CERTIFICATE_HEADER_SIZE, 'bCertificate');
    if (reader.u16(at + 6, 'wCertificateType') === WIN_CERT_TYPE_PKCS_SIGNED_DATA)
      signatures.push(readSignature(new ByteReader(blob, 'PKCS #7')));
    at += Math.ceil(length / 8) * 8;
  }
  return signatures;
}

/** ContentInfo {type, [0] SignedData {version, digests, content, [0] certificates, [1] revocations, signers}}. */
function readSignature(reader: ByteReader): Signature {
  const [type, content] = derChildren(reader, readDerElement(reader, 0));
  if (type === undefined || content?.tag !== DER_TAGS.context0 || hex(reader, type) !== SIGNED_DATA)
    return reader.fail('contentType', 0, 'is not signedData');
  const parts = derChildren(reader, readDerElement(reader, content.start));
  const [, , signed] = parts;
  const certificates = parts.find((part) => part.tag === DER_TAGS.context0);
  const signerInfos = parts.findLast((part) => part.tag === DER_TAGS.set);
  if (signed === undefined || signerInfos === undefined)
    return reader.fail('signedData', content.start, 'lacks its content or its signers');
  const known =
    certificates === undefined
      ? []
      : derChildren(reader, certificates).flatMap((each) => readCertificate(reader, each) ?? []);
  return {
    signers: derChildren(reader, signerInfos).map((info) => readSigner(reader, info, known)),
    digest: readSignedDigest(reader, signed),
  };
}

/** SignerInfo {version, {issuer, serialNumber}, ...}. The certificate itself may have been left out. */
function readSigner(reader: ByteReader, info: DerElement, known: readonly Certificate[]): Signer {
  const [, name] = derChildren(reader, info);
  const [issuer, serial] = name === undefined ? [] : derChildren(reader, name);
  if (issuer === undefined || serial === undefined)
    return reader.fail('signerInfo', info.at, 'does not name a certificate');
  const identity = certificateIdentity(reader, issuer, serial);
  const certificate = known.find((each) => each.identity === identity);
  return {
    subject: certificate?.subject ?? `certificate ${hex(reader, serial)}`,
    issuer: certificate?.issuer ?? readName(reader, issuer),
  };
}

/** {type, [0] SpcIndirectDataContent {data, DigestInfo {{algorithm, ...}, digest}}}. */
function readSignedDigest(reader: ByteReader, signed: DerElement): Signature['digest'] {
  const wrapped = derChildren(reader, signed).find((part) => part.tag === DER_TAGS.context0);
  if (wrapped === undefined) return undefined;
  const [, info] = derChildren(reader, readDerElement(reader, wrapped.start));
  const [algorithm, digest] = info?.tag === DER_TAGS.sequence ? derChildren(reader, info) : [];
  if (algorithm?.tag !== DER_TAGS.sequence || digest?.tag !== DER_TAGS.octetString) return undefined;
  const [identifier] = derChildren(reader, algorithm);
  const name = identifier === undefined ? undefined : DIGESTS.get(hex(reader, identifier));
  return name === undefined ? undefined : { algorithm: name, value: derContents(reader, digest) };
}

function hex(reader: ByteReader, element: DerElement): string {
  return Buffer.from(derContents(reader, element)).toString('hex');
}
