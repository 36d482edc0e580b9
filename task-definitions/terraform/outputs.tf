output "container_definitions" {
  description = "The containers with the sensor, as JSON."
  value       = jsonencode(concat(local.apps, [local.sensor]))
}

output "pid_mode" {
  description = "The task's pid_mode."
  value       = "task"
}

output "volumes" {
  description = "Names of the volumes that the task needs besides its own."
  value       = var.spool ? [local.specification.volume] : []
}
