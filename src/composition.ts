import 'reflect-metadata';
import { Container } from 'inversify';
import { bindAccess, bindPeople } from './composition/access.js';
import { bindApi } from './composition/api.js';
import { bindCommon } from './composition/common.js';
import { bindFollowing } from './composition/following.js';
import { bindOperating } from './composition/operating.js';
import type { Bind, Get, Given } from './composition/tokens.js';
import { bindIngest, bindWriting } from './composition/writing.js';

/** Puts the process together; nothing is started. What `instead` binds takes the place of what is bound here. */
export const compose = (given: Given, instead: (bind: Bind) => void = () => undefined): Get => {
  const container = new Container({ defaultScope: 'Singleton' });
  const get: Get = (token) => container.get(token);
  const bind: Bind = (token, make) => {
    const place = container.isBound(token) ? container.rebind(token) : container.bind(token);
    place.toDynamicValue(() => make(get));
  };
  bindCommon(bind, given);
  bindPeople(bind, given);
  bindAccess(bind, given);
  bindWriting(bind, given);
  bindIngest(bind, given);
  bindFollowing(bind, given);
  bindOperating(bind, given);
  bindApi(bind, given);
  instead(bind);
  return get;
};
