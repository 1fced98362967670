import { grpcMethod } from '../grpc.ts';
import type { Classifier, Operation, RequestHead } from './operation.ts';

/**
 * Names what calls to gRPC destinations do: `call_method` on `/package.Service/Method`. In the group `write`, since nothing on the wire tells a
 * method that only reads. What is not gRPC is not for these destinations; theirs is all that is passed on.
 */
export function withGrpc(http: { classify(head: RequestHead): Operation | undefined }): Classifier {
  return {
    classify(head) {
      const { method, target } = head;
      const grpc = method === 'POST' && head.grpc === true ? grpcMethod(target.path) : undefined;
      const operation = grpc && http.classify(head);
      return operation && { ...operation, action: 'call_method', method, grpc };
    },
  };
}
