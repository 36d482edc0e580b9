variable "container_definitions" {
  description = "The containers of the task as JSON: what `aws_ecs_task_definition` takes."
  type        = string

  validation {
    condition     = can([for container in jsondecode(var.container_definitions) : container.name])
    error_message = "Expected a JSON array of container definitions, each with a name, as jsonencode writes it."
  }

  validation {
    condition     = try(length(jsondecode(var.container_definitions)) <= 9, true)
    error_message = "ECS takes ten containers in a task, the sensor included."
  }
}

variable "image" {
  description = "The sensor's image in your registry."
  type        = string
}

variable "environment" {
  description = "SENSOR_* settings (docs/configuration.md): at least where events go, such as SENSOR_INGEST_URL."
  type        = map(string)

  validation {
    condition     = anytrue([for name in ["SENSOR_INGEST_URL", "SENSOR_DESTINATIONS"] : lookup(var.environment, name, "") != ""])
    error_message = "Say where events go: SENSOR_INGEST_URL, or SENSOR_DESTINATIONS and what the destination needs."
  }

  validation {
    condition     = alltrue([for name in keys(var.environment) : startswith(name, "SENSOR_")])
    error_message = "These are settings of the sensor: their names begin with SENSOR_."
  }

  validation {
    condition = length(setintersection(keys(var.environment), [
      "SENSOR_INGEST_TOKEN", "SENSOR_AWS_SECRET_ACCESS_KEY", "SENSOR_AWS_SESSION_TOKEN",
    ])) == 0
    error_message = "A secret would stand in the task definition for all to read: the sensor logs in with the task's role."
  }
}

variable "depends_on_sensor" {
  description = "Whether the app's containers start after the sensor, and stop before it."
  type        = bool
  default     = true
}

variable "spool" {
  description = "Whether events wait on a volume of the task as well; the task then needs the volumes in the output."
  type        = bool
  default     = true
}
