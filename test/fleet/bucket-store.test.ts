/** A bucket is a store like a folder, on servers that go wrong as services do. What every store does is in store-contract.test.ts. */
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { bucketAddress } from '../../src/fleet/bucket-address.js'
import { BucketPlace } from '../../src/fleet/bucket-place.js'
import { pullTape } from '../../src/fleet/pull.js'
import { pushTape } from '../../src/fleet/push.js'
import { storeAddress } from '../../src/fleet/store-address.js'
import { openTape } from '../../src/tape/open-tape.js'
import { newTapePath, openForTest, temporaryFolder } from '../tape/temporary-tape.js'
import { recordRun } from './rich-tape.js'
import { KEYS, S3Server } from './s3-server.js'

let server: S3Server
let prefixes = 0
let url: string

beforeAll(async () => {
  server = await S3Server.start()
})
afterAll(() => server.stop())
beforeEach(() => {
  for (const [name, value] of Object.entries(KEYS)) vi.stubEnv(name, value)
  url = server.url(`runs-${++prefixes}/of=tests`)
  server.fault = () => null
  server.overwrites = false
})
afterEach(() => vi.unstubAllEnvs())

const newTape = async (): Promise<string> => {
  const file = newTapePath()
  const tape = openForTest(file)
  await recordRun(tape, 'one', 5)
  tape.close()
  return file
}

describe('a tape in a bucket', () => {
  test('comes back as it was, and a folder that holds the same objects is the same store', async () => {
    const pushed = await pushTape(await newTape(), url, { name: 'gpu-7' })
    const out = path.join(temporaryFolder(), 'back.tape')
    expect(await pullTape(`${url}#gpu-7`, out)).toMatchObject({ name: 'gpu-7', head: pushed.stored.head })
    const folder = temporaryFolder()
    const { prefix } = bucketAddress(url)
    for (const [key, bytes] of server.objects) {
      if (!key.startsWith(prefix)) continue
      const file = path.join(folder, ...key.slice(prefix.length).split('/'))
      fs.mkdirSync(path.dirname(file), { recursive: true })
      fs.writeFileSync(file, bytes)
    }
    const synced = path.join(temporaryFolder(), 'synced.tape')
    expect(await pullTape(folder, synced)).toMatchObject({ name: 'gpu-7', head: pushed.stored.head })
  })

  test('is sent by a server that is busy, cuts lines, and carries out what it never answers', async () => {
    const turns = new Map<string, number>()
    const faults = ['busy', 'cut before', 'cut after'] as const
    server.fault = (method, key) => {
      if (!key.includes('/tapes/gpu-7/')) return null
      const turn = turns.get(method + key) ?? 0
      turns.set(method + key, turn + 1)
      return faults[turn] ?? null
    }
    const pushed = await pushTape(await newTape(), url, { name: 'gpu-7' })
    const out = path.join(temporaryFolder(), 'back.tape')
    expect((await pullTape(url, out, { name: 'gpu-7' })).head).toBe(pushed.stored.head)
    expect(Math.max(...turns.values())).toBeGreaterThan(3)
  })

  test('is refused by a server that stays away, with what it said, and nothing is half there', async () => {
    server.fault = (method, key) => (method === 'PUT' && key.includes('/tapes/') ? 'busy' : null)
    await expect(pushTape(await newTape(), url, { name: 'gpu-7' })).rejects.toThrow(
      /^STORE_FAILED: PUT s3:\/\/tapes-of-tests\/runs-\d+\/of=tests\/tapes\/gpu-7\/0000000001\.batches: the server answered 503 \(SlowDown: SlowDown it is\)/,
    )
    expect(
      [...server.objects.keys()].filter((key) => key.startsWith(`runs-${prefixes}/of=tests/tapes`)),
    ).toEqual([])
  })

  test('is not written where the server would overwrite what is there', async () => {
    server.overwrites = true
    await expect(pushTape(await newTape(), url, { name: 'gpu-7' })).rejects.toThrow(
      /^STORE_FAILED: s3:.*keeps If-None-Match on PUT.*this one overwrites/,
    )
    expect([...server.objects.keys()].filter((key) => key.startsWith(`runs-${prefixes}/`))).toEqual([
      `runs-${prefixes}/of=tests/.gradtape-store`,
    ])
  })

  test('is not sent without keys, nor with wrong ones, nor to a bucket that is not there', async () => {
    const file = await newTape()
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'guessed')
    await expect(pushTape(file, url, { name: 'a' })).rejects.toThrow(
      /^STORE_FAILED: .*403 \(SignatureDoesNotMatch/,
    )
    vi.stubEnv('AWS_ACCESS_KEY_ID', '')
    await expect(pushTape(file, url, { name: 'a' })).rejects.toThrow(/^STORE_FAILED: .*AWS_ACCESS_KEY_ID/)
    vi.unstubAllEnvs()
    for (const [name, value] of Object.entries(KEYS)) vi.stubEnv(name, value)
    await expect(pushTape(file, url.replace('tapes-of-tests', 'elsewhere'), { name: 'a' })).rejects.toThrow(
      /^STORE_FAILED: listing .*404 \(NoSuchBucket/,
    )
  })

  test('of two that write one object at the same time one wins', async () => {
    const place = () => new BucketPlace(bucketAddress(url))
    const wrote = await Promise.all(
      ['a', 'b', 'c', 'd'].map((text) => place().putNew('tapes/x/1.batches', Buffer.from(text))),
    )
    expect(wrote.filter((won) => won)).toHaveLength(1)
    await place().replace('parquet/run.parquet', Buffer.from('old'))
    await place().replace('parquet/run.parquet', Buffer.from('new'))
    expect((await place().read('parquet/run.parquet')).toString()).toBe('new')
  })
})

describe('the address of a bucket', () => {
  test('says where the bucket is, with the help of the environment', () => {
    expect(bucketAddress('s3://runs').origin).toBe('https://runs.s3.us-east-1.amazonaws.com/')
    expect(bucketAddress('s3://my.runs/a//b/?region=eu-west-3')).toMatchObject({
      ...{ origin: 'https://s3.eu-west-3.amazonaws.com/my.runs/', prefix: 'a/b/', region: 'eu-west-3' },
      url: 's3://my.runs/a/b?region=eu-west-3',
    })
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://minio:9000/s3/')
    vi.stubEnv('AWS_REGION', 'here')
    expect(bucketAddress('s3://runs/x#gpu-7')).toMatchObject({
      ...{ origin: 'http://minio:9000/s3/runs/', region: 'here', tape: 'gpu-7', url: 's3://runs/x' },
    })
    const { place, origin } = bucketAddress('s3://runs/x')
    for (const name of ['AWS_ENDPOINT_URL', 'AWS_REGION']) vi.stubEnv(name, '')
    expect(bucketAddress('s3://runs/x').region).toBe('us-east-1')
    expect(bucketAddress(place)).toMatchObject({ origin, region: 'here', place })
    vi.stubEnv('AWS_ENDPOINT_URL_S3', 'https://r2.example')
    expect(bucketAddress('s3://runs').origin).toBe('https://r2.example/runs/')
  })

  test.each([
    's3:',
    's3://',
    's3://A',
    's3://up_per',
    's3://runs/..',
    's3://runs/.hidden/x',
    's3://runs/a b',
    's3://runs/%2e%2e/x',
    's3://runs/x?endpoint=ftp://x',
    's3://runs/x?endpoint=nothing',
    's3://runs/x?endpoint=http://me:secret@x',
    's3://runs/x?endpoint=http://a&endpoint=http://b',
    's3://runs/x?acl=public',
    's3://runs/x?region=a/b',
    's3://runs/x#..',
    's3://runs\n/x',
  ])('that makes no sense is refused: %j', (address) => {
    expect(() => storeAddress(address)).toThrow(/^BAD_ARGUMENT/)
  })

  test('is none that a program records to: a bucket takes tapes by push', () => {
    expect(() => openTape('s3://runs/x#gpu-7')).toThrow(
      /^BAD_ARGUMENT: .*gradtape push FILE s3:\/\/runs\/x#gpu-7/,
    )
  })
})
