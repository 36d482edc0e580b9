# Container definitions in, container definitions with the sensor out. No provider is needed; what the sensor's container
# is stands in sensor.json, which is generated like the other examples.

terraform {
  required_version = ">= 1.3"
}

locals {
  specification = jsondecode(file("${path.module}/sensor.json"))
  name          = local.specification.container.name
  given         = [for container in jsondecode(var.container_definitions) : container if container.name != local.name]

  # Containers whose end others wait for, and log routers, start when they like.
  must_end = toset(flatten([
    for container in local.given : [
      for wait in try(coalesce(container.dependsOn), []) : wait.containerName
      if contains(["SUCCESS", "COMPLETE"], wait.condition)
    ]
  ]))
  routers = toset([for container in local.given : container.name if try(container.firelensConfiguration, null) != null])
  # What a container waits for; then also what that waits for, twice as far each time. Terraform has no recursion, and
  # eight steps are all that there may be: a task has ten containers, of which the sensor is one.
  waits = {
    for container in local.given : container.name => toset(concat(
      try(container.dependsOn[*].containerName, []), try(container.volumesFrom[*].sourceContainer, []),
    ))
  }
  two_steps = {
    for name, near in local.waits : name => setunion(near, [for one in near : try(local.waits[one], [])]...)
  }
  four_steps = {
    for name, near in local.two_steps : name => setunion(near, [for one in near : try(local.two_steps[one], [])]...)
  }
  eight_steps = {
    for name, near in local.four_steps : name => setunion(near, [for one in near : try(local.four_steps[one], [])]...)
  }
  # A router that waits for nobody starts before all that logs through it, and before it all that it waits for.
  before = toset(flatten([
    for container in local.given : tolist(local.eight_steps[container.name])
    if contains(local.routers, container.name) && length(try(coalesce(container.dependsOn), [])) == 0
  ]))
  left_alone = setunion(local.must_end, local.routers, local.before)

  apps = [
    for container in local.given : merge(container, {
      for key, value in {
        dependsOn = concat(
          [for wait in try(coalesce(container.dependsOn), []) : wait if wait.containerName != local.name],
          [{ containerName = local.name, condition = "START" }],
        )
      } : key => value if var.depends_on_sensor && !contains(local.left_alone, container.name)
    })
  ]

  # The health checks of the app, as the platform runs them, so that the sensor can tell them from people's sessions.
  checks = [
    for container in local.given : container.healthCheck.command
    if length(try(container.healthCheck.command, [])) > 0
  ]
  probes = distinct([
    for command in local.checks : (
      command[0] == "CMD-SHELL" ? concat(["/bin/sh", "-c"], [join(" ", slice(command, 1, length(command)))]) :
      command[0] == "CMD" ? slice(command, 1, length(command)) : command
    ) if command[0] != "NONE"
  ])

  environment = merge(
    length(local.probes) > 0 ? { SENSOR_PROBE_COMMANDS = jsonencode(local.probes) } : {},
    var.environment,
    var.spool ? { SENSOR_SPOOL_DIR = local.specification.spool_dir } : {},
  )

  # The sensor's log goes where the app's goes, without the patterns by which the app's lines are joined or chosen.
  of_the_apps_lines = [
    "awslogs-multiline-pattern", "awslogs-datetime-format", "include-pattern", "exclude-pattern",
  ]
  logging = concat(
    [for container in local.given : container if try(coalesce(container.essential), true)],
    [for container in local.given : container if !try(coalesce(container.essential), true)],
  )
  logs = [
    for container in local.logging : merge(container.logConfiguration, {
      for key, value in { options = {
        for name, option in try(coalesce(container.logConfiguration.options), {}) : name => option
        if !contains(local.of_the_apps_lines, name)
      } } : key => value if try(container.logConfiguration.options, null) != null
    }) if try(container.logConfiguration, null) != null && try(container.firelensConfiguration, null) == null
  ]

  sensor = merge(
    local.specification.container,
    {
      image       = var.image
      environment = [for name, value in local.environment : { name = name, value = value }]
      # Longer than the sensor takes to stop.
      stopTimeout = max(
        local.specification.container.stopTimeout, try(ceil(min(tonumber(var.environment.SENSOR_STOP_DEADLINE), 110)) + 5, 0),
      )
    },
    { for key, value in { mountPoints = [local.specification.mount] } : key => value if var.spool },
    { for key, value in { logConfiguration = try(local.logs[0], null) } : key => value if value != null },
  )
}
