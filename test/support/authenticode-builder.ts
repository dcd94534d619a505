/**
 * Builds the attribute certificate tables of signed PE images. The signatures in them are not cryptographic: khop
 * reads who signed what, and leaves proving it to the kernel.
 * @module
 */

/** One who signs. */
export interface SignerSpec {
  readonly subject: string;
  readonly issuer: string;
  readonly serial?: number;
  /** Leaves the certificate out of the blob. */
  readonly isDetached?: boolean;
}

/** One PKCS #7 blob. */
export interface SignatureSpec {
  readonly signers: readonly SignerSpec[];
  /** Certificates of authorities, which sign nothing here. */
  readonly authorities?: readonly SignerSpec[];
  /** Default sha256. */
  readonly digestIdentifier?: string;
  readonly digest?: Uint8Array;
}

const SIGNED_DATA = '2a864886f70d010702';
const INDIRECT_DATA = '2b060104018237020104';
const IMAGE_DATA = '2b06010401823702010f';
const SHA256 = '608648016503040201';
const COMMON_NAME = '550403';

/** The table: one WIN_CERTIFICATE a blob, aligned to 8. */
export function buildCertificateTable(blobs: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    blobs.map((blob) => {
      const length = 8 + blob.length;
      const entry = Buffer.alloc(Math.ceil(length / 8) * 8);
      entry.writeUInt32LE(length, 0);
      entry.writeUInt16LE(0x200, 4);
      entry.writeUInt16LE(2, 6);
      entry.set(blob, 8);
      return entry;
    }),
  );
}

/** A PKCS #7 signedData over an SpcIndirectDataContent. */
export function buildSignature(spec: SignatureSpec): Uint8Array {
  const algorithm = sequence(identifier(spec.digestIdentifier ?? SHA256), der(0x05));
  const content = sequence(
    identifier(INDIRECT_DATA),
    der(
      0xa0,
      sequence(
        sequence(identifier(IMAGE_DATA)),
        sequence(algorithm, der(0x04, spec.digest ?? new Uint8Array(32))),
      ),
    ),
  );
  const certificates = [...(spec.authorities ?? []), ...spec.signers.filter((signer) => !signer.isDetached)];
  const signedData = sequence(
    integer(1),
    der(0x31, algorithm),
    content,
    der(0xa0, ...certificates.map(certificate)),
    der(0x31, ...spec.signers.map((signer) => signerInfo(signer, algorithm))),
  );
  return sequence(identifier(SIGNED_DATA), der(0xa0, signedData));
}

function certificate(signer: SignerSpec): Uint8Array {
  const body = sequence(
    der(0xa0, integer(2)),
    integer(signer.serial ?? 1),
    sequence(identifier(SHA256)),
    name(signer.issuer),
    sequence(der(0x17, Buffer.from('260101000000Z')), der(0x17, Buffer.from('360101000000Z'))),
    name(signer.subject),
    sequence(),
  );
  return sequence(body, sequence(identifier(SHA256)), der(0x03, new Uint8Array(9)));
}

function signerInfo(signer: SignerSpec, algorithm: Uint8Array): Uint8Array {
  const named = sequence(name(signer.issuer), integer(signer.serial ?? 1));
  return sequence(integer(1), named, algorithm, der(0x04, new Uint8Array(16)));
}

/** A Name with one common name. */
export function name(commonName: string): Uint8Array {
  return sequence(der(0x31, sequence(identifier(COMMON_NAME), der(0x0c, Buffer.from(commonName, 'utf8')))));
}

/** One element: tag, definite length, contents. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const contents = Buffer.concat(parts);
  const { length } = contents;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.from(header), contents]);
}

/** A SEQUENCE. */
export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return der(0x30, ...parts);
}

function identifier(hex: string): Uint8Array {
  return der(0x06, Buffer.from(hex, 'hex'));
}

function integer(value: number): Uint8Array {
  return der(0x02, Uint8Array.of(value));
}
