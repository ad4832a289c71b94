package wechattest

import (
	"testing"
	"time"
)

func TestTicketsStayTheSameAndAlwaysSay7200(t *testing.T) {
	l := newLab(t)
	ask := func(kind string) reply {
		t.Helper()
		return l.do("GET /cgi-bin/ticket/getticket?type="+kind+"&access_token="+l.stable(false).Token, "").wants(t, kind, 0)
	}
	first := ask("jsapi")
	if len(first.Ticket) != 86 || first.Life != 7200 {
		t.Errorf("got %s", first.Raw)
	}
	if ask("wx_card").Ticket == first.Ticket || ask("2").Ticket == first.Ticket {
		t.Error("two types share a ticket")
	}
	l.Advance(2*time.Hour - time.Second)
	if r := ask("jsapi"); r.Ticket != first.Ticket || r.Life != 7200 {
		t.Errorf("in its last second: same %v, expires_in %d; want the same with 7200", r.Ticket == first.Ticket, r.Life)
	}
	l.Invalidate(shop)
	if ask("jsapi").Ticket != first.Ticket {
		t.Error("the ticket died with the token")
	}
	l.Advance(time.Second)
	second := ask("jsapi")
	if second.Ticket == first.Ticket {
		t.Error("the same ticket after two hours")
	}
	l.ExpireTickets(shop)
	if ask("jsapi").Ticket == second.Ticket {
		t.Error("the same ticket after ExpireTickets")
	}
	l.counted("ticket", 7)
	l.counted("ticket:jsapi", 5)
	l.counted("ticket:2", 1)
	l.counted("call", 0)
}

func TestWhatTicketEndpointsRefuse(t *testing.T) {
	l := newLab(t)
	token, agent := l.stable(false).Token, l.agent("2").Token
	for call, code := range map[string]int{
		"GET /cgi-bin/ticket/getticket?type=jsapi&access_token=" + token:               0,
		"GET /cgi-bin/ticket/getticket?type=jsapi":                                     41001,
		"GET /cgi-bin/ticket/getticket?type=jsapi&access_token=x":                      40001,
		"GET /cgi-bin/ticket/getticket?access_token=" + token:                          40097,
		"GET /cgi-bin/ticket/getticket?type=agent_config&access_token=" + token:        40097,
		"GET /cgi-bin/ticket/getticket?type=jsapi%20wx_card&access_token=" + token:     40097,
		"POST /cgi-bin/ticket/getticket?type=jsapi&access_token=" + token:              43001,
		"GET /cgi-bin/ticket/getticket?type=jsapi&access_token=" + agent:               40001,
		"GET " + wecom + "/cgi-bin/get_jsapi_ticket?access_token=" + agent:             0,
		"GET " + wecom + "/cgi-bin/get_jsapi_ticket?access_token=" + token:             40014,
		"GET " + wecom + "/cgi-bin/get_jsapi_ticket?access_token=x":                    40014,
		"GET " + wecom + "/cgi-bin/ticket/get?type=agent_config&access_token=" + agent: 0,
		"GET " + wecom + "/cgi-bin/ticket/get?type=jsapi&access_token=" + agent:        40097,
	} {
		l.do(call, "").wants(t, call, code)
	}
}

func TestWeComCountsTicketsByTheHour(t *testing.T) {
	l := newLab(t)
	ask := func() reply {
		return l.onWeCom().do("GET /cgi-bin/get_jsapi_ticket?access_token="+l.agent("2").Token, "")
	}
	for range ticketsPerAgent {
		ask().wants(t, "within the limit", 0)
	}
	ask().wants(t, "the 101st", 45009)
	l.onWeCom().do("GET /cgi-bin/get_jsapi_ticket?access_token="+l.agent("3").Token, "").wants(t, "the other agent's first", 0)
	l.Advance(time.Hour)
	ask().wants(t, "the next hour's first", 0)
}
