{{/* The name of everything: that of the release, with "parley" in it. Services and pods add the role. */}}
{{- define "parley.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride }}
{{- else if contains "parley" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-parley" .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* By what the objects of a role find one another. Takes root and role. */}}
{{- define "parley.selector" -}}
app.kubernetes.io/name: parley
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{/* The labels of an object. Takes root and, of what belongs to one, role. */}}
{{- define "parley.labels" -}}
app.kubernetes.io/name: parley
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with get . "role" }}
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "parley.image" -}}
{{- $image := .Values.image -}}
{{ $image.repository }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "parley.routesConfigMap" -}}
{{- .Values.routesConfigMap | default (printf "%s-routes" (include "parley.fullname" .)) }}
{{- end }}

{{/* Four fifths of a limit of memory as GOMEMLIMIT has it: beyond it Go collects garbage rather than being killed. */}}
{{- define "parley.memory" -}}
{{- $mib := int (regexFind "^[0-9]+" .) -}}
{{- if hasSuffix "Gi" . }}{{ $mib = mul $mib 1024 }}{{ end -}}
{{ div (mul $mib 4) 5 }}MiB
{{- end }}

{{/* How long a pod may take to end: the drain, the 15 s in which serve ends, and 10 s to spare. */}}
{{- define "parley.grace" -}}
{{ add .drainSeconds 25 }}
{{- end }}

{{/* Variables of the environment that were given as a map. Takes the map. */}}
{{- define "parley.settings" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ if kindIs "float64" $value }}{{ $value | toJson | quote }}{{ else }}{{ $value | toString | quote }}{{ end }}
{{- end }}
{{- end }}

{{- define "parley.probe" -}}
httpGet:
  path: {{ .path }}
  port: http
  scheme: {{ if .root.Values.tls.existingSecret }}HTTPS{{ else }}HTTP{{ end }}
{{- end }}

{{/* The template of the pods of a role. Takes root, role and volume, the source of the data folder; none: a claim has it. */}}
{{- define "parley.pod" -}}
{{- $root := .root -}}
{{- $values := index .root.Values .role -}}
{{- $fullname := include "parley.fullname" .root -}}
metadata:
  labels:
    {{- include "parley.labels" . | nindent 4 }}
  {{- with $root.Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "parley.grace" $values }}
  securityContext:
    runAsNonRoot: true
    runAsUser: {{ $root.Values.runAsUser }}
    runAsGroup: {{ $root.Values.runAsUser }}
    fsGroup: {{ $root.Values.runAsUser }}
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- with $root.Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $root.Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "parley.selector" $ | nindent 10 }}
    {{- end }}
  containers:
    - name: parley
      image: {{ include "parley.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: [serve]
      env:
        - name: POD_NAME
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
        - name: PARLEY_INSTANCE
          value: $(POD_NAME)
        - name: PARLEY_ROLES
          value: {{ .role }}
        - name: PARLEY_HTTP_ADDR
          value: ":8080"
        {{- if ne .role "ingest" }}
        # The name that the headless Service gives a pod of a StatefulSet. One of ingest has no name, and nobody asks it.
        - name: PARLEY_ADVERTISE_ADDR
          value: $(POD_NAME).{{ $fullname }}-{{ .role }}.{{ $root.Release.Namespace }}.svc:8080
        {{- end }}
        - name: PARLEY_DATA_DIR
          value: /var/lib/parley
        - name: PARLEY_DRAIN_DELAY
          value: {{ $values.drainSeconds }}s
        - name: PARLEY_LOG_FORMAT
          value: json
        - name: PARLEY_KAFKA_BROKERS
          value: {{ $root.Values.kafka.brokers | quote }}
        # Not as variables of the environment, which whoever may look at the process would see.
        - name: PARLEY_CLICKHOUSE_DSN_FILE
          value: /etc/parley/secret/clickhouse-dsn
        - name: PARLEY_SECRET_FILE
          value: /etc/parley/secret/parley-secret
        - name: PARLEY_ROUTES
          value: /etc/parley/routes/routes.yaml
        {{- if $root.Values.tls.existingSecret }}
        - name: PARLEY_TLS_CERT
          value: /etc/parley/tls/tls.crt
        - name: PARLEY_TLS_KEY
          value: /etc/parley/tls/tls.key
        {{- end }}
        {{- if and (eq .role "ingest") $values.mail.enabled }}
        - name: PARLEY_MAIL_ADDR
          value: ":2525"
        {{- end }}
        {{- with ($values.resources.limits).memory }}
        - name: GOMEMLIMIT
          value: {{ include "parley.memory" . }}
        {{- end }}
        {{- include "parley.settings" (merge (dict) $values.settings $root.Values.settings) | nindent 8 }}
      ports:
        - name: http
          containerPort: 8080
        {{- if and (eq .role "ingest") $values.mail.enabled }}
        - name: mail
          containerPort: 2525
        {{- end }}
      # It gives up by itself when Kafka does not answer within half a minute, and says so.
      startupProbe:
        {{- include "parley.probe" (dict "root" $root "path" "/healthz") | nindent 8 }}
        periodSeconds: 3
        timeoutSeconds: 2
        failureThreshold: 40
      livenessProbe:
        {{- include "parley.probe" (dict "root" $root "path" "/healthz") | nindent 8 }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      # It fails while Kafka is away: nothing can be acknowledged then.
      readinessProbe:
        {{- include "parley.probe" (dict "root" $root "path" "/readyz") | nindent 8 }}
        periodSeconds: 3
        timeoutSeconds: 5
        failureThreshold: 2
      {{- with $values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - name: data
          mountPath: /var/lib/parley
        - name: routes
          mountPath: /etc/parley/routes
          readOnly: true
        - name: secret
          mountPath: /etc/parley/secret
          readOnly: true
        {{- if $root.Values.tls.existingSecret }}
        - name: tls
          mountPath: /etc/parley/tls
          readOnly: true
        {{- end }}
  volumes:
    {{- with get . "volume" }}
    - name: data
      {{- toYaml . | nindent 6 }}
    {{- end }}
    - name: routes
      configMap:
        name: {{ include "parley.routesConfigMap" $root }}
    - name: secret
      secret:
        secretName: {{ $root.Values.existingSecret }}
        defaultMode: 0440
    {{- with $root.Values.tls.existingSecret }}
    - name: tls
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
{{- end }}

{{/* That no more than one pod of a role is away of our own will. Takes root and role. */}}
{{- define "parley.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "parley.fullname" .root }}-{{ .role }}
  labels:
    {{- include "parley.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "parley.selector" . | nindent 6 }}
{{- end }}

{{/* The Service by which the pods of a StatefulSet have names, also before they are ready. Takes root and role. */}}
{{- define "parley.headless" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "parley.fullname" .root }}-{{ .role }}
  labels:
    {{- include "parley.labels" . | nindent 4 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector:
    {{- include "parley.selector" . | nindent 4 }}
  ports:
    - name: http
      port: 8080
      targetPort: http
{{- end }}
