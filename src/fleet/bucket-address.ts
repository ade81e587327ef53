/** `s3://BUCKET/PREFIX?endpoint=…&region=…`: which bucket, on which server. */
import process from 'node:process'
import { TapeError, valueText } from '../errors.js'
import { isTapeName } from './batch-store.js'

export interface BucketAddress {
  /** The address as it was given, without the tape. */
  readonly url: string
  /** The address with the server and region that the environment named: the same bucket in every environment. */
  readonly place: string
  readonly bucket: string
  /** Before the name of every object; empty, or with a slash at its end. */
  readonly prefix: string
  /** The URL of the bucket, with a slash at its end. */
  readonly origin: string
  readonly region: string
  readonly tape: string | null
}

const EXPECTED = 's3://BUCKET/PREFIX, with ?endpoint=https://HOST and &region=REGION where it is not Amazon'

export function isBucketUrl(url: string): boolean {
  return /^s3:/i.test(url)
}

/**
 * Reads the address of a bucket. What it does not say, the environment does: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION or
 * AWS_DEFAULT_REGION (us-east-1 when nobody says).
 *
 * Throws  BAD_ARGUMENT
 */
export function bucketAddress(url: string): BucketAddress {
  const [, bucket = '', rawPrefix = '', query = '', tape] =
    /^s3:\/\/([^/?#]*)\/?([^?#]*)(?:\?([^#]*))?(?:#([^#]*))?$/i.exec(url) ?? []
  const refuse = (explanation: string): never => {
    throw new TapeError('BAD_ARGUMENT', `expected ${explanation}, got ${valueText(url)}`)
  }
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) refuse(EXPECTED)
  const parts = rawPrefix.split('/').filter((part) => part !== '')
  if (!parts.every((part) => /^[A-Za-z0-9_=-][A-Za-z0-9_.=-]*$/.test(part)))
    refuse('a prefix of letters, digits and _ . - = /, no part of which begins with a dot')
  if (tape !== undefined && !isTapeName(tape)) refuse('the name of a tape behind #')
  const parameters = new URLSearchParams(query)
  for (const name of parameters.keys())
    if ((name !== 'endpoint' && name !== 'region') || parameters.getAll(name).length > 1) refuse(EXPECTED)
  const { env } = process
  const region = parameters.get('region') ?? (env.AWS_REGION || env.AWS_DEFAULT_REGION || 'us-east-1')
  if (!/^[a-z0-9-]{1,40}$/.test(region)) refuse('a region of small letters, digits and -')
  const endpoint = parameters.get('endpoint') ?? (env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || '')
  const origin = originOf(bucket, region, endpoint, refuse)
  const plain = `s3://${bucket}${parts.map((part) => `/${part}`).join('')}`
  const server =
    endpoint === '' ? '' : `endpoint=${encodeURIComponent(origin.slice(0, -`/${bucket}/`.length))}&`
  return {
    url: `${plain}${query === '' ? '' : `?${query}`}`,
    place: `${plain}?${server}region=${region}`,
    bucket,
    prefix: parts.map((part) => `${part}/`).join(''),
    origin,
    region,
    tape: tape ?? null,
  }
}

/** Servers of others have the bucket in the path, since not each of them has a name in DNS for every bucket. */
function originOf(
  bucket: string,
  region: string,
  endpoint: string,
  refuse: (explanation: string) => never,
): string {
  if (endpoint === '') {
    const host = `s3.${region}.amazonaws.com`
    // A certificate for *.s3… does not cover a bucket with dots.
    return bucket.includes('.') ? `https://${host}/${bucket}/` : `https://${bucket}.${host}/`
  }
  if (!URL.canParse(endpoint)) refuse('an endpoint that is a URL')
  const { protocol, host, pathname, username, password, search, hash } = new URL(endpoint)
  if (protocol !== 'https:' && protocol !== 'http:') refuse('an endpoint of https:// or http://')
  if (username !== '' || password !== '' || search !== '' || hash !== '')
    refuse('an endpoint without user, password and parameters')
  return `${protocol}//${host}${pathname.replace(/\/*$/, '')}/${bucket}/`
}
