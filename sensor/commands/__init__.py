"""One module a command of `fargate-sensor`."""
