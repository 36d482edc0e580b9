"""The commands of `fargate-sensor` that are for the time before something runs."""
