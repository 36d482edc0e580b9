{{/* What `fargate-sensor webhook` puts into pods, as its environment says it. */}}
{{- define "fargate-sensor.wishes" -}}
{{- $sensor := .Values.sensor }}
{{- $version := .Capabilities.KubeVersion }}
{{- $wishes := dict
  "FARGATE_SENSOR_IMAGE" (include "fargate-sensor.image" (list . "sensor.image" $sensor.image))
  "FARGATE_SENSOR_INGEST_URL" (include "fargate-sensor.ingestUrl" .)
  "FARGATE_SENSOR_DESTINATIONS" (join "," $sensor.destinations)
  "FARGATE_SENSOR_MODE" $sensor.mode
  "FARGATE_SENSOR_CLUSTER_VERSION" (printf "%s.%s" $version.Major ($version.Minor | trimSuffix "+"))
  "FARGATE_SENSOR_SECURITY" (eq $sensor.security "same-uid" | ternary "same-uid" "root")
  "FARGATE_SENSOR_SPOOL" $sensor.spool
  "FARGATE_SENSOR_PULL_SECRETS" (join "," $sensor.pullSecrets)
  "FARGATE_SENSOR_OPT" (eq .Values.injection.pods "labelled" | ternary "in" "out")
}}
{{- with $sensor.tokenSecret.name }}
{{- $_ := set $wishes "FARGATE_SENSOR_TOKEN_SECRET" (printf "%s/%s" . $sensor.tokenSecret.key) }}
{{- end }}
{{- with $sensor.resources }}
{{- $_ := set $wishes "FARGATE_SENSOR_RESOURCES" (toJson .) }}
{{- end }}
{{- include "fargate-sensor.environment" $wishes }}
{{- end }}
