// One message of each kind through Segment's own Node client; prints what the client says it sent, as one JSON line.
import { Analytics } from '@segment/analytics-node'

const [host, writeKey] = process.argv.slice(2)
const analytics = new Analytics({ host, writeKey })
const sent = []
const failed = []
const noted = (error, context) => (error ? failed.push(String(error)) : sent.push(context.event))
analytics.on('error', (error) => failed.push(String(error.reason ?? error.code)))

const user = { userId: 'user-1', anonymousId: 'anonymous-1' }
const timestamp = new Date('2026-01-01T00:00:00.000Z')
analytics.identify({ ...user, traits: { name: 'Zoë' } }, noted)
analytics.track({ ...user, event: 'Email Clicked', timestamp, properties: { n: 1, none: null, list: ['a', 'ü'] } }, noted)
analytics.track({ anonymousId: 'anonymous-2', event: 'Email Opened' }, noted)
analytics.page({ ...user, name: 'Home' }, noted)
analytics.screen({ ...user, name: 'Main' }, noted)
analytics.group({ ...user, groupId: 'group-1' }, noted)
analytics.alias({ userId: 'user-1', previousId: 'anonymous-1' }, noted)
await analytics.closeAndFlush({ timeout: 30_000 })
console.log(JSON.stringify({ sent, failed }))
