/** Whether an event says that the service failed. 4xx is the client's error and counted apart. */
export const isError = (type: string, status: number): boolean => status >= 500 || type === 'error';

/** Whether an event says that the client was at fault. */
export const isClientError = (type: string, status: number): boolean =>
  status >= 400 && status < 500 && type !== 'error';
