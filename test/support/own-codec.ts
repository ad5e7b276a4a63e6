import { msgpackCodec } from '../../lib/codecs/msgpack.js';
import type { SessionCodec } from '../../lib/core/codec.js';
import { inspectionOf } from '../../lib/core/storable.js';

/** An application's own. Knows nothing of classes, and would say so: the core gives it plain forms. */
export const ownCodec: SessionCodec = {
  name: 'own',
  encode(value) {
    if (inspectionOf(value)?.holdsInstances) throw new Error('an instance');
    return msgpackCodec.encode(value);
  },
  decode: (bytes) => msgpackCodec.decode(bytes),
};
