{{- define "lofte.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "lofte.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* What selects: must never change. */}}
{{- define "lofte.selector" -}}
app.kubernetes.io/name: lofte
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lofte.labels" -}}
{{ include "lofte.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* Every deployment as a JSON list: service, name, roles, replicas, resources, main. */}}
{{- define "lofte.deployments" -}}
{{- $all := list }}
{{- range $service, $told := .Values.services }}
{{- $all = append $all (dict "service" $service "name" $service "main" true "roles" $told.roles "replicas" $told.replicas "resources" ($told.resources | default $.Values.resources)) }}
{{- range $name, $extra := $told.extra }}
{{- $all = append $all (dict "service" $service "name" (printf "%s-%s" $service $name) "main" false "roles" $extra.roles "replicas" ($extra.replicas | default 1) "resources" ($extra.resources | default $told.resources | default $.Values.resources)) }}
{{- end }}
{{- end }}
{{- toJson $all }}
{{- end }}

{{/* What does not fit together is refused here, in a sentence with its remedy; wrong shapes by values.schema.json. */}}
{{- define "lofte.check" -}}
{{- $v := .Values }}
{{- $_ := required "image.repository: missing; the place you pushed the image to" $v.image.repository }}
{{- $_ := required "oidc.issuer: missing; the URL of your OIDC issuer, such as https://login.example.se/realms/kommun" $v.oidc.issuer }}
{{- $_ := required "kafka.bootstrap: missing; host:port of your Kafka brokers, comma between" $v.kafka.bootstrap }}
{{- $_ := required "mongo.existingSecret: missing; make a Secret whose key uri holds MongoDB's URI" $v.mongo.existingSecret }}
{{- $_ := required "masterKey.existingSecret: missing; make one: kubectl create secret generic lofte-master-key --from-literal=master-key=\"$(openssl rand -base64 32)\"" $v.masterKey.existingSecret }}
{{- if and (hasPrefix "SASL" $v.kafka.security) (not $v.kafka.existingSecret) }}
{{- fail (printf "kafka.existingSecret: missing; %s needs a Secret with %s and %s" $v.kafka.security $v.kafka.usernameKey $v.kafka.passwordKey) }}
{{- end }}
{{- if and (not $v.municipalities.files) (not $v.municipalities.existingConfigMap) }}
{{- fail "municipalities: no file; --set-file 'municipalities.files.0581\\.yaml=0581.yaml', or name a config map in municipalities.existingConfigMap" }}
{{- end }}
{{- if and $v.municipalities.files $v.municipalities.existingConfigMap }}
{{- fail "municipalities: files and existingConfigMap are both given; choose one" }}
{{- end }}
{{- range $name, $text := $v.municipalities.files }}
{{- if not (regexMatch "(?m)^code: *\"?'?[0-9]{4}" $text) }}
{{- fail (printf "municipalities.files.%s: says no code; give the text of a municipality's file" $name) }}
{{- end }}
{{- end }}
{{- if le (int $v.terminationGracePeriodSeconds) (add (int $v.preStopSeconds) 10 | int) }}
{{- fail "terminationGracePeriodSeconds: must be more than preStopSeconds + 10, or requests under way are cut off" }}
{{- end }}
{{- range $service, $told := $v.services }}
{{- $roles := $told.roles }}
{{- range $told.extra }}{{ $roles = concat $roles .roles }}{{ end }}
{{- $needed := list "api" "consumer" "relay" "timers" }}
{{- if eq $service "callback" }}{{ $needed = concat $needed (list "webhooks" "notices") }}{{ end }}
{{- range $needed }}
{{- if not (has . $roles) }}
{{- fail (printf "services.%s: no deployment has the role %s; add it to roles, or to an extra deployment" $service .) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name, $_ := $v.extraEnv }}
{{- if hasPrefix "LOFTE_" $name }}
{{- fail (printf "extraEnv.%s: variables of the services are set by the chart's own values alone; leave it out" $name) }}
{{- end }}
{{- end }}
{{- if $v.autoscaling.enabled }}
{{- if gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas) }}
{{- fail "autoscaling.minReplicas: more than maxReplicas" }}
{{- end }}
{{- end }}
{{- if $v.ingress.enabled }}
{{- $_ := required "ingress.host: missing; the host name that callers use" $v.ingress.host }}
{{- $_ := required "ingress.tlsSecret: missing; tokens go over it, so it needs a certificate" $v.ingress.tlsSecret }}
{{- end }}
{{- end }}

{{/* Environment of a service's process, or of a job of its: (dict "root" $ "service" "intake"). */}}
{{- define "lofte.env" -}}
{{- $v := .root.Values }}
- {name: LOFTE_ENVIRONMENT, value: production}
- {name: LOFTE_HOST, value: 0.0.0.0}
- {name: LOFTE_PORT, value: "8080"}
- name: LOFTE_REPLICA
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
# A pod's name is never used again: who ends leaves its consumer groups at once.
- {name: LOFTE_REPLICA_RETURNS, value: "false"}
- {name: LOFTE_DATABASE, value: {{ printf "%s_%s" $v.mongo.databasePrefix .service | quote }}}
- {name: LOFTE_MUNICIPALITIES, value: /etc/lofte/municipalities}
- {name: LOFTE_ISSUER, value: {{ $v.oidc.issuer | quote }}}
- {name: LOFTE_AUDIENCE, value: {{ $v.oidc.audience | quote }}}
- {name: LOFTE_SESSION_TIMEOUT_MS, value: {{ $v.sessionTimeoutMs | int | quote }}}
- {name: LOFTE_LOG_LEVEL, value: {{ $v.logLevel }}}
- name: LOFTE_MONGO
  valueFrom: {secretKeyRef: {name: {{ $v.mongo.existingSecret }}, key: {{ $v.mongo.uriKey }}}}
{{- if $v.mongo.ca.existingSecret }}
- {name: LOFTE_MONGO_CA_FILE, value: /etc/lofte/ca/mongo.crt}
{{- end }}
{{- if has .service (list "intake" "casework" "callback") }}
- name: LOFTE_MASTER_KEY
  valueFrom: {secretKeyRef: {name: {{ $v.masterKey.existingSecret }}, key: {{ $v.masterKey.key }}}}
{{- end }}
{{- if and (eq .service "intake") $v.inboundKeys.existingSecret }}
- name: LOFTE_INBOUND_KEYS
  valueFrom: {secretKeyRef: {name: {{ $v.inboundKeys.existingSecret }}, key: {{ $v.inboundKeys.key }}}}
{{- end }}
{{- if eq .service "callback" }}
{{ include "lofte.notices-env" .root }}
{{- end }}
{{- if $v.oidc.ca.existingSecret }}
- {name: SSL_CERT_FILE, value: /etc/lofte/ca/oidc.crt}
{{- end }}
{{ include "lofte.kafka-env" .root }}
{{- range $name, $value := $v.extraEnv }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- define "lofte.notices-env" -}}
{{- $n := .Values.notices }}
- {name: LOFTE_INTAKE, value: {{ printf "http://%s-intake" (include "lofte.fullname" .) | quote }}}
{{- if $n.reach.existingSecret }}
- name: LOFTE_REACH_CLIENTS
  valueFrom: {secretKeyRef: {name: {{ $n.reach.existingSecret }}, key: {{ $n.reach.key }}}}
{{- end }}
{{- if $n.smtp.host }}
- {name: LOFTE_SMTP_HOST, value: {{ $n.smtp.host | quote }}}
- {name: LOFTE_SMTP_PORT, value: {{ $n.smtp.port | int | quote }}}
- {name: LOFTE_SMTP_TLS, value: {{ $n.smtp.tls }}}
{{- if $n.smtp.existingSecret }}
- name: LOFTE_SMTP_USER
  valueFrom: {secretKeyRef: {name: {{ $n.smtp.existingSecret }}, key: {{ $n.smtp.usernameKey }}}}
- name: LOFTE_SMTP_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $n.smtp.existingSecret }}, key: {{ $n.smtp.passwordKey }}}}
{{- end }}
{{- end }}
{{- if $n.sms.url }}
- {name: LOFTE_SMS_URL, value: {{ $n.sms.url | quote }}}
- {name: LOFTE_SMS_FIELDS, value: {{ toJson $n.sms.fields | quote }}}
- {name: LOFTE_SMS_FORM, value: {{ $n.sms.form | quote }}}
{{- if $n.sms.existingSecret }}
- name: LOFTE_SMS_AUTHORIZATION
  valueFrom: {secretKeyRef: {name: {{ $n.sms.existingSecret }}, key: {{ $n.sms.key }}}}
{{- end }}
{{- end }}
{{- if $n.signing.existingSecret }}
- name: LOFTE_NOTICE_SECRET
  valueFrom: {secretKeyRef: {name: {{ $n.signing.existingSecret }}, key: {{ $n.signing.key }}}}
{{- end }}
{{- end }}

{{- define "lofte.kafka-env" -}}
- {name: LOFTE_KAFKA, value: {{ .Values.kafka.bootstrap | quote }}}
- {name: LOFTE_KAFKA_SECURITY, value: {{ .Values.kafka.security }}}
- {name: LOFTE_TOPIC_PREFIX, value: {{ .Values.kafka.topicPrefix | quote }}}
- {name: LOFTE_PARTITIONS, value: {{ .Values.kafka.partitions | int | quote }}}
{{- if hasPrefix "SASL" .Values.kafka.security }}
- {name: LOFTE_KAFKA_MECHANISM, value: {{ .Values.kafka.mechanism }}}
- name: LOFTE_KAFKA_USERNAME
  valueFrom: {secretKeyRef: {name: {{ .Values.kafka.existingSecret }}, key: {{ .Values.kafka.usernameKey }}}}
- name: LOFTE_KAFKA_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .Values.kafka.existingSecret }}, key: {{ .Values.kafka.passwordKey }}}}
{{- end }}
{{- if .Values.kafka.ca.existingSecret }}
- {name: LOFTE_KAFKA_CA_FILE, value: /etc/lofte/ca/kafka.crt}
{{- end }}
{{- end }}

{{/* Volumes: (dict "root" $ "municipalities" "name of the config map"). */}}
{{- define "lofte.volumes" -}}
{{- $v := .root.Values }}
- {name: tmp, emptyDir: {sizeLimit: 64Mi}}
- {name: municipalities, configMap: {name: {{ .municipalities }}}}
{{- if or $v.kafka.ca.existingSecret $v.mongo.ca.existingSecret $v.oidc.ca.existingSecret }}
- name: ca
  projected:
    sources:
      {{- range $name := list "kafka" "mongo" "oidc" }}
      {{- $ca := (index $v $name).ca }}
      {{- if $ca.existingSecret }}
      - secret: {name: {{ $ca.existingSecret }}, items: [{key: {{ $ca.key | quote }}, path: {{ $name }}.crt}]}
      {{- end }}
      {{- end }}
{{- end }}
{{- end }}

{{- define "lofte.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: municipalities, mountPath: /etc/lofte/municipalities, readOnly: true}
{{- if or .Values.kafka.ca.existingSecret .Values.mongo.ca.existingSecret .Values.oidc.ca.existingSecret }}
- {name: ca, mountPath: /etc/lofte/ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "lofte.pod-security" -}}
{runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001, seccompProfile: {type: RuntimeDefault}}
{{- end }}

{{- define "lofte.container-security" -}}
{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
{{- end }}

{{/* What all pods of ours have in common. */}}
{{- define "lofte.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext: {{ include "lofte.pod-security" . }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - {name: {{ . }}}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "lofte.municipalities" -}}
{{ .Values.municipalities.existingConfigMap | default (printf "%s-municipalities" (include "lofte.fullname" .)) }}
{{- end }}

{{/* Out: names, Kafka, MongoDB, the issuer; by port, and by peer where they are named. */}}
{{- define "lofte.egress" -}}
{{- $ports := list }}
{{- range splitList "," .Values.kafka.bootstrap }}{{ $ports = append $ports (regexFind "[0-9]+$" (trim .) | int) }}{{ end }}
{{- range .Values.networkPolicy.mongoPorts }}{{ $ports = append $ports (int .) }}{{ end }}
{{- $issuer := regexFind ":[0-9]+" (trimPrefix "https://" .Values.oidc.issuer) | trimPrefix ":" | default "443" }}
{{- $ports = concat $ports (list (int $issuer) 443) }}{{/* 443: receivers of webhooks */}}
{{- with .Values.notices }}
{{- if .smtp.host }}{{ $ports = append $ports (int .smtp.port) }}{{ end }}
{{- if .sms.url }}{{ $ports = append $ports (regexFind ":[0-9]+" (trimPrefix "https://" .sms.url) | trimPrefix ":" | default "443" | int) }}{{ end }}
{{- end }}
{{- $ports = uniq $ports }}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
- ports: [{{ range $i, $port := $ports }}{{ if $i }}, {{ end }}{port: {{ $port }}, protocol: TCP}{{ end }}]
  {{- with .Values.networkPolicy.egressTo }}
  to: {{ toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
