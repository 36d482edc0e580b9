{{/* Names end early enough for what Kubernetes appends: a label takes 63 characters, "-webhook" and a hash are 19. */}}
{{- define "fargate-sensor.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 44 | trimSuffix "-" }}
{{- end }}

{{- define "fargate-sensor.fullname" -}}
{{- $name := include "fargate-sensor.name" . }}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- default $full .Values.fullnameOverride | trunc 44 | trimSuffix "-" }}
{{- end }}

{{- define "fargate-sensor.webhook" -}}
{{ include "fargate-sensor.fullname" . }}-webhook
{{- end }}

{{- define "fargate-sensor.ingest" -}}
{{ include "fargate-sensor.fullname" . }}-ingest
{{- end }}

{{/* Takes (list $ "component"). */}}
{{- define "fargate-sensor.selector" -}}
app.kubernetes.io/name: {{ include "fargate-sensor.name" (first .) | quote }}
app.kubernetes.io/instance: {{ (first .).Release.Name | quote }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{/* Takes (list $ "component"). A label's value has no "+", as versions may. */}}
{{- define "fargate-sensor.labels" -}}
{{- $ := first . }}
{{- include "fargate-sensor.selector" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Takes (list $ "where it stands in the values" $image). */}}
{{- define "fargate-sensor.image" -}}
{{- $image := last . }}
{{- $missing := printf "%s.repository is not set: no image is published, build and push it (README.md)" (index . 1) }}
{{- $repository := required $missing $image.repository }}
{{- $tag := empty $image.digest | ternary (default (first .).Chart.AppVersion $image.tag) $image.tag }}
{{- $repository }}{{ with $tag }}:{{ . }}{{ end }}{{ with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "fargate-sensor.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What Pod Security `restricted` asks for; 10001 is the user of the image. */}}
{{- define "fargate-sensor.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "fargate-sensor.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Of the webhook's certificate. What Helm made and what cert-manager made have two names: neither takes the other's. */}}
{{- define "fargate-sensor.certificateSecret" -}}
{{- if eq .Values.certificates.source "existing" }}
{{- required "certificates.existing.secretName is not set" .Values.certificates.existing.secretName }}
{{- else }}
{{- include "fargate-sensor.webhook" . }}-{{ eq .Values.certificates.source "generated" | ternary "tls" "certificate" }}
{{- end }}
{{- end }}

{{/* Of the ingest's tokens. */}}
{{- define "fargate-sensor.tokenSecret" -}}
{{- default (printf "%s-tokens" (include "fargate-sensor.ingest" .)) .Values.ingest.existingSecret }}
{{- end }}

{{- define "fargate-sensor.ingestHost" -}}
{{ include "fargate-sensor.ingest" . }}.{{ .Release.Namespace }}.svc
{{- end }}

{{/* Empty where events go elsewhere. */}}
{{- define "fargate-sensor.ingestUrl" -}}
{{- if .Values.sensor.ingestUrl }}
{{- .Values.sensor.ingestUrl }}
{{- else if .Values.ingest.enabled }}
{{- printf "http://%s:8080" (include "fargate-sensor.ingestHost" .) }}
{{- else if not .Values.sensor.destinations }}
{{- fail "events would go nowhere: set sensor.ingestUrl or sensor.destinations, or ingest.enabled" }}
{{- end }}
{{- end }}

{{/* Takes a map; values are text in the environment of a container. */}}
{{- define "fargate-sensor.environment" -}}
{{- range $name, $value := . }}
{{- if ne (toString $value) "" }}
- {name: {{ $name }}, value: {{ $value | toString | replace "$" "$$" | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/* What both kinds of pods say about where they run. Takes the section of the component. */}}
{{- define "fargate-sensor.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}
