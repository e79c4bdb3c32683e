/* What Flink has and this cluster has no use for: refused by name, so that nobody takes it for a wrong path.
 */
#include "host/rest/internal.h"

void rest__refuse_java(struct rest_request *request)
{
    rest__fail(request, MHD_HTTP_NOT_IMPLEMENTED,
        "%s is not implemented: programs of Java cannot run here; submit SQL with weir run or the SQL "
        "client.",
        request->path);
}

void rest__refuse_data_set(struct rest_request *request)
{
    rest__fail(request, MHD_HTTP_NOT_IMPLEMENTED, "%s is not implemented: the cluster caches no data sets.",
        request->path);
}

void rest__refuse_profiler(struct rest_request *request)
{
    rest__fail(request, MHD_HTTP_NOT_IMPLEMENTED,
        "%s is not implemented: there is no profiler; .../thread-dump says what threads do.", request->path);
}

void rest__refuse_coordination(struct rest_request *request)
{
    rest__fail(request, MHD_HTTP_BAD_REQUEST,
        "A serialised request of Java to an operator's coordinator cannot be read here.");
}

void rest__get_yarn_stop(struct rest_request *request)
{
    rest__fail(request, MHD_HTTP_PERMANENT_REDIRECT,
        "The termination mode \"stop\" has been removed. For an ungraceful shutdown, please use \"cancel\" "
        "instead. For a graceful shutdown, please use \"jobs/:jobId/stop\" instead.");
}
