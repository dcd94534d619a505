/**
 * Names in X.509 certificates.
 * Specification: RFC 5280, 4.1 "Basic Certificate Fields" and 4.1.2.4 "Issuer".
 * @module
 */
import type { ByteReader } from './byte-reader.ts';
import { DER_TAGS, type DerElement, derChildren, derContents, derText } from './der.ts';
import { printableUnicode } from './printable-text.ts';

/** id-at-commonName and id-at-organizationName, encoded. */
const COMMON_NAME = '550403';
const ORGANIZATION = '55040a';

/** What khop reads of a certificate. */
export interface Certificate {
  /** For people. */
  readonly subject: string;
  readonly issuer: string;
  /** Issuer and serial number, which together name the certificate. */
  readonly identity: string;
}

/** Undefined for another choice of the certificate set, e.g. an attribute certificate. @throws E_FORMAT */
export function readCertificate(reader: ByteReader, element: DerElement): Certificate | undefined {
  if (element.tag !== DER_TAGS.sequence) return undefined;
  const [body] = derChildren(reader, element);
  if (body?.tag !== DER_TAGS.sequence) return undefined;
  // serialNumber, signature, issuer, validity, subject; version 3 has a [0] before them.
  const [serial, , issuer, , subject] = derChildren(reader, body).filter(
    (field) => field.tag !== DER_TAGS.context0,
  );
  if (serial === undefined || issuer === undefined || subject === undefined) return undefined;
  return {
    subject: readName(reader, subject),
    issuer: readName(reader, issuer),
    identity: certificateIdentity(reader, issuer, serial),
  };
}

/** Issuer and serial number as they are encoded. */
export function certificateIdentity(reader: ByteReader, issuer: DerElement, serial: DerElement): string {
  return `${derText(reader, issuer)}/${derText(reader, serial)}`;
}

/** The common name of a Name, else its organisation. A Name is a sequence of sets of {identifier, string}. */
export function readName(reader: ByteReader, name: DerElement): string {
  const values = new Map<string, string>();
  for (const set of derChildren(reader, name))
    for (const pair of derChildren(reader, set)) {
      const [type, value] = derChildren(reader, pair);
      if (type === undefined || value === undefined) continue;
      values.set(Buffer.from(derContents(reader, type)).toString('hex'), readString(reader, value));
    }
  return values.get(COMMON_NAME) ?? values.get(ORGANIZATION) ?? 'a certificate without a name';
}

/** DirectoryString; BMPString is UTF-16, big-endian. */
function readString(reader: ByteReader, element: DerElement): string {
  const bytes = derContents(reader, element);
  const label = element.tag === DER_TAGS.bmpString ? 'utf-16be' : 'utf-8';
  return printableUnicode(new TextDecoder(label).decode(bytes));
}
